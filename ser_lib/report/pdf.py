"""stub"""
def check_browser(): pass
def print_book(single, target, about):
    import shutil
    shutil.copytree(single, "/tmp/single", dirs_exist_ok=True)
    target.write_bytes(b"%PDF")
