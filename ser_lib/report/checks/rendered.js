// What `rendered.py` asks of a page; axe-core is loaded beside it.
window.gates = {
  // Everything open and loaded, no colour half-way between two.
  async settle([mode, wait]) {
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    await new Promise(done => setTimeout(done, wait));
    const root = document.documentElement;
    root.dataset.mode = root.dataset.theme = mode;  // what the theme's own switch sets
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    for (const late of document.querySelectorAll("[loading=lazy]")) late.loading = "eager";
    for (const change of document.getAnimations()) {
      try { change.finish(); } catch { change.cancel(); }  // one without an end cannot finish
    }
  },

  async faults(leftOut) {
    const rules = Object.fromEntries(leftOut.map(rule => [rule, {enabled: false}]));
    const options = {resultTypes: ["violations"], preload: false, rules};
    const {violations} = await axe.run(document, options);
    return violations
      .filter(({impact}) => ["serious", "critical"].includes(impact))
      .map(({id, nodes}) => ({
        rule: id,
        place: nodes[0].target.join(" "),
        more: nodes.length - 1,
        reason: nodes[0].failureSummary.split("\n")[1].trim(),
      }));
  },

  // The page's width, and the element that reaches farthest to the right out of the window; of
  // several, the innermost. One that is fixed would not even make the page wider: it is cut off.
  width() {
    const inAScrollingBox = element => {
      for (let box = element; box !== document.body; box = box.parentElement) {
        const {overflowX, position} = getComputedStyle(box);
        if (box !== element && ["auto", "scroll"].includes(overflowX)) return true;
        if (position === "fixed") return false;
      }
      return false;
    };
    let farthest = null, edge = innerWidth + 1;
    for (const element of document.body.querySelectorAll("*")) {
      const {right, width} = element.getBoundingClientRect();
      const seen = width > 0 && element.checkVisibility({visibilityProperty: true});
      if (seen && right >= edge && !inAScrollingBox(element)) {
        farthest = element;
        edge = right;
      }
    }
    const name = farthest && [
      farthest.localName, farthest.id && `#${farthest.id}`,
      ...Array.from(farthest.classList, name => `.${name}`),
    ].join("");
    const {scrollWidth} = document.documentElement;
    return {width: Math.round(farthest ? Math.max(edge, scrollWidth) : scrollWidth), name};
  },
};
