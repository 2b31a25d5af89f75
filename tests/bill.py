"""The packages of requirements.lock as a bill of materials (CycloneDX 1.6), for `make wheel`.

The same lock gives the same bytes. Every package has the hashes of its files, of which pip takes
one; nobody is asked, and no address is named.
"""

import json
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement

import ser_lib

LOCK = Path(__file__).parents[1] / "requirements.lock"


def bill(lock: str) -> dict:
    """Return the bill of a lock file."""
    components = []
    for pin in re.split(r"\n(?=\S)", lock.strip()):
        line, *hashes = pin.replace("\\", "").split("--hash=sha256:")
        package = Requirement(line.strip())
        name, version = package.name, str(package.specifier).removeprefix("==")
        files = [{"alg": "SHA-256", "content": one.strip()} for one in hashes]
        source = {"type": "distribution", "url": LOCK.name, "hashes": files}
        where = [{"name": "marker", "value": str(package.marker)}] if package.marker else []
        components.append(
            {
                "type": "library",
                "bom-ref": f"{name}=={version}",
                "name": name,
                "version": version,
                "purl": f"pkg:pypi/{name}@{version}",
                "externalReferences": [source],
                "properties": where,
            }
        )
    about = {"type": "library", "bom-ref": "ser-lib", "name": "ser-lib"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": about | {"version": ser_lib.__version__}},
        "components": components,
    }


if __name__ == "__main__":
    target = Path(sys.argv[1], f"ser_lib-{ser_lib.__version__}.cdx.json")
    target.write_text(json.dumps(bill(LOCK.read_text()), indent=1) + "\n")
