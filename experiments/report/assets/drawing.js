// Elements, made without a word of HTML: whatever a model wrote stays text.

const SVG = 'http://www.w3.org/2000/svg';

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((each) => each !== null && each !== undefined && each !== ''));
  return element;
}

const html = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);
const byId = (id) => document.getElementById(id);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Hues that people who see few colours tell apart, and shapes for when there are more operators than hues.
const HUES = 6;
const SHAPES = ['circle', 'square', 'triangle', 'diamond'];
const look = (index) => ({ hue: index % HUES, shape: SHAPES[Math.floor(index / HUES) % SHAPES.length] });

function outline(path, shape, x, y, r) {
  if (shape === 'circle') {
    path.moveTo(x + r, y);
    path.arc(x, y, r, 0, 2 * Math.PI);
  } else if (shape === 'square') {
    path.rect(x - 0.88 * r, y - 0.88 * r, 1.76 * r, 1.76 * r);
  } else if (shape === 'triangle') {
    path.moveTo(x, y - 1.15 * r);
    path.lineTo(x + 1.1 * r, y + 0.85 * r);
    path.lineTo(x - 1.1 * r, y + 0.85 * r);
    path.closePath();
  } else {
    path.moveTo(x, y - 1.25 * r);
    path.lineTo(x + 1.25 * r, y);
    path.lineTo(x, y + 1.25 * r);
    path.lineTo(x - 1.25 * r, y);
    path.closePath();
  }
}

const OUTLINES = {
  circle: 'M10 6A4 4 0 1 1 2 6A4 4 0 1 1 10 6Z',
  square: 'M2.5 2.5H9.5V9.5H2.5Z',
  triangle: 'M6 1.4L10.4 9.4H1.6Z',
  diamond: 'M6 1L11 6L6 11L1 6Z',
};

function marker(index) {
  const { hue, shape } = look(index);
  return svg('svg', { class: 'marker', width: 12, height: 12, viewBox: '0 0 12 12', 'aria-hidden': 'true' },
    svg('path', { d: OUTLINES[shape], class: `hue-${hue}` }));
}

// Draws now, whenever the place gets another width, and whenever light becomes dark.
function drawnAgain(place, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (place.clientWidth !== width) draw((width = place.clientWidth));
  }).observe(place);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => draw(width));
}
