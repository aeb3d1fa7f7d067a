// The lineage as people use it: hover, click, zoom, move, and all of that with the keyboard.

class Graph {
  constructor(place, family, onOpen) {
    this.place = place;
    this.family = family;
    this.onOpen = onOpen;
    this.layout = new Layout(family);
    this.painting = new Painting(place.querySelector('canvas'), this.layout);
    this.tip = place.querySelector('.tip');
    this.ring = place.querySelector('.ring');
    this.at = family.winner;
    this.fingers = new Map();
    drawnAgain(place, (width) => { this.layout.fit(width); this.paint(); });
    this.listen();
  }

  paint() {
    if (!this.layout.width || this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = null;
      this.painting.paint(this.at);
      const [x, y] = this.layout.place(this.at), seen = this.at >= this.layout.from && this.at <= this.layout.to;
      this.ring.hidden = !seen;
      this.ring.style.left = `${x}px`;
      this.ring.style.top = `${y}px`;
    });
  }

  // Makes a candidate the current one, and says so.
  choose(at, { said = true } = {}) {
    this.at = clamp(at, 0, this.family.count - 1);
    this.layout.reveal(this.at);
    if (said) byId('said').textContent = this.family.words(this.at);
    this.paint();
  }

  zoom(factor, x) {
    this.layout.zoom(factor, x);
    this.paint();
  }

  whole() {
    this.layout.show(-0.5, this.family.count);
    this.paint();
  }

  only(operator) {
    this.painting.only = operator;
    this.paint();
  }

  listen() {
    this.place.addEventListener('keydown', (event) => this.key(event));
    this.place.addEventListener('pointerdown', (event) => this.press(event));
    this.place.addEventListener('pointermove', (event) => this.move(event));
    for (const name of ['pointerup', 'pointercancel']) this.place.addEventListener(name, (event) => this.release(event));
    this.place.addEventListener('pointerleave', () => { this.tip.hidden = true; });
    this.place.addEventListener('dblclick', (event) => this.zoom(2, this.spot(event)[0]));
    this.place.addEventListener('wheel', (event) => {
      if (!event.ctrlKey && !event.metaKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) this.zoom(2 ** (-event.deltaY / 160), this.spot(event)[0]);
      else { this.layout.pan(-event.deltaX); this.paint(); }
    }, { passive: false });
  }

  spot(event) {
    const box = this.place.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { family, at } = this, siblings = family.parents[at].length ? family.children[family.parents[at][0]] : [at];
    const beside = (step) => siblings[clamp(siblings.indexOf(at) + step, 0, siblings.length - 1)];
    const moves = {
      ArrowRight: () => this.choose(at + 1), ArrowLeft: () => this.choose(at - 1),
      ArrowUp: () => this.choose(family.parents[at][0] ?? at), ArrowDown: () => this.choose(family.children[at][0] ?? at),
      PageDown: () => this.choose(beside(1)), PageUp: () => this.choose(beside(-1)),
      Home: () => this.choose(0), End: () => this.choose(family.winner),
      Enter: () => this.onOpen(this.at, true), ' ': () => this.onOpen(this.at, true),
      '+': () => this.zoom(1.6, this.layout.x(at)), '=': () => this.zoom(1.6, this.layout.x(at)),
      '-': () => this.zoom(1 / 1.6, this.layout.x(at)), 0: () => this.whole(), Escape: () => this.whole(),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  }

  press(event) {
    this.fingers.set(event.pointerId, this.spot(event));
    this.moved = 0;
    this.place.setPointerCapture(event.pointerId);
  }

  move(event) {
    const [x, y] = this.spot(event), before = this.fingers.get(event.pointerId);
    if (!before) return this.hover(x, y);
    const others = [...this.fingers].filter(([id]) => id !== event.pointerId).map(([, spot]) => spot);
    this.moved += Math.abs(x - before[0]);
    if (others.length) this.zoom((Math.abs(x - others[0][0]) + 1) / (Math.abs(before[0] - others[0][0]) + 1), (x + others[0][0]) / 2);
    else if (this.layout.zoomed && this.moved > 4) { this.layout.pan(x - before[0]); this.paint(); }
    this.fingers.set(event.pointerId, [x, y]);
    this.tip.hidden = true;
    return null;
  }

  release(event) {
    if (!this.fingers.delete(event.pointerId) || event.type !== 'pointerup' || this.moved > 4 || this.fingers.size) return;
    const found = this.layout.nearest(...this.spot(event), event.pointerType === 'touch' ? 26 : 16);
    if (found === null) return;
    this.choose(found, { said: false });
    this.onOpen(found, false);
  }

  hover(x, y) {
    const found = this.layout.nearest(x, y);
    this.place.classList.toggle('over', found !== null);
    this.tip.hidden = found === null;
    if (found === null) return;
    const [px, py] = this.layout.place(found);
    this.tip.textContent = this.family.words(found);
    const wide = Math.min(340, this.layout.width);
    this.tip.style.left = `${clamp(px + 12, 0, this.layout.width - wide)}px`;
    this.tip.style.top = `${py + 14}px`;
  }
}
