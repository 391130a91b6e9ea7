// What axe's rule of contrast says of the texts on the page. It is asked only of texts that are painted in a way which it has not
// passed yet, and of one text of each such way. A way is all that the rule looks at: the ink, the size and weight of the letters,
// and what is painted behind the text or meets it. Where the rule cannot judge that text, or does not pass it, all others of its way
// are asked, too, and each again wherever it stands.
async (known) => {
  const passed = new Set(known.split(" ").map(Number)), asked = new Map(), paints = new Map();
  const short = (text) => {
    let a = 7, b = 11;
    for (const letter of text) {
      a = Math.imul(a ^ letter.codePointAt(0), 2654435761);
      b = Math.imul(b ^ letter.codePointAt(0), 1597334677);
      a ^= a >>> 15;
      b ^= b >>> 13;
    }
    return (a >>> 0) * 2 ** 21 + (b >>> 11);
  };
  const paint = (e) => {
    if (!paints.has(e)) {
      const s = getComputedStyle(e);
      const rest = [s.backgroundImage, s.opacity, s.filter, s.mixBlendMode, s.boxShadow, s.clip, s.clipPath].join();
      const bare = s.backgroundColor === "rgba(0, 0, 0, 0)" && rest === "none,1,none,normal,none,auto,none" &&
        !e.matches("img, svg, video, canvas");
      // Plain numbers: a box is asked for its sides again and again, and computes each of them anew.
      const { left, right, top, bottom } = e.getBoundingClientRect();
      paints.set(e, { own: bare ? "" : s.backgroundColor + rest, cuts: s.overflow !== "visible", box: { left, right, top, bottom } });
    }
    return paints.get(e);
  };
  const meet = (p, q) => p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom;
  const painted = [...document.body.querySelectorAll("*")].filter((e) => e.checkVisibility() && paint(e).own);
  const way = (e) => {
    const s = getComputedStyle(e), { box } = paint(e), chain = [];
    let inside = true;
    for (let at = e; at; at = at.parentElement) {
      if (paint(at).own) chain.push(paint(at).own);
      inside &&= !paint(at).cuts || meet(box, paint(at).box);
    }
    const others = painted.filter((o) => meet(box, paint(o).box) && !o.contains(e) && !e.contains(o)).map((o) => paint(o).own);
    const off = e.matches(":disabled, [aria-disabled=true] *, :disabled *") || Boolean(e.closest("label")?.control?.disabled);
    const long = (e.value || e.textContent).trim().length > 1;
    return short([e.tagName, s.color, s.fontSize, s.fontWeight, s.textShadow, long, off, inside, ...chain, "|", ...new Set(others)].join(";"));
  };
  // The rule never speaks of the text in a drawing, of text without a letter or digit, of a box to tick, and of what only a screen
  // reader reads.
  const judged = (e) => !(e instanceof SVGElement) && !e.matches("option, .sr, .skip, [type=checkbox], [type=radio]") &&
    (e.matches("input, textarea, select") || [...e.childNodes].some((n) => n.nodeType === 3 && /[\p{L}\p{N}]/u.test(n.data)));
  for (const e of document.body.querySelectorAll("*")) {
    if (!judged(e) || !e.checkVisibility()) continue;
    const found = way(e);
    if (!passed.has(found)) asked.set(e, found);
  }
  const violations = [], passes = new Set();
  const ask = async (texts) => {
    if (!texts.length) return;
    const said = await axe.run({ include: texts },
      { runOnly: ["color-contrast"], resultTypes: ["violations", "passes"], elementRef: true });
    const nodes = (kind) => said[kind].flatMap((rule) => rule.nodes);
    violations.push(...nodes("violations").map((n) => "color-contrast: " + n.html.slice(0, 90)));
    nodes("passes").forEach((n) => asked.has(n.element) && passes.add(asked.get(n.element)));
  };
  const firsts = new Map([...asked].reverse().map(([e, found]) => [found, e]));
  await ask([...firsts.values()]);
  await ask([...asked].filter(([e, found]) => e !== firsts.get(found) && !passes.has(found)).map(([e]) => e));
  return { violations, passes: [...passes] };
}
