// Scales: from figures to places and ticks, and figures as people read them.

const times = (ratio) => (ratio >= 100 || ratio < 0.1 ? `${Number(ratio.toPrecision(3))}×` : `${ratio.toFixed(2)}×`);
const whole = (figure) => Math.round(figure).toLocaleString('en');

function duration(seconds) {
  if (seconds < 60) return `${Number(seconds.toPrecision(2))} s`;
  if (seconds < 3600) return `${Number((seconds / 60).toPrecision(3))} min`;
  return `${Number((seconds / 3600).toPrecision(3))} h`;
}

function short(figure) {
  const sizes = [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  const [size, unit] = sizes.find(([least]) => figure >= least) ?? [1, ''];
  return `${Number((figure / size).toPrecision(3))}${unit}`;
}

// The place of a value between two ends, as a place between two others.
const scale = (from, to, low, high) => (value) => low + ((value - from) / (to - from || 1)) * (high - low);

function ticks(low, high, most, steps = [1, 2, 5, 10]) {
  const rough = (high - low) / Math.max(most, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = steps.map((each) => each * power).find((each) => each >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + 1e-9 * step; at += 1) found.push(at * step + 0);
  return found;
}

// Seconds are divided as clocks are.
function timeTicks(high, most) {
  const unit = high < 90 ? 1 : high < 5400 ? 60 : 3600;
  return ticks(0, high / unit, most).map((each) => each * unit);
}

// Ticks of a log2 scale, as ratios: even steps while the scale is short, doublings once it is long.
function ratioTicks(low, high, most) {
  if (high - low < 2.5) return ticks(2 ** low, 2 ** high, most, [1, 2, 2.5, 5, 10]).filter((each) => each > 0);
  return ticks(low, high, most, [1, 2, 4, 10]).filter(Number.isInteger).map((each) => 2 ** each);
}

function ratioWords(ratio, low, high) {
  const fine = 2 ** high - 2 ** low < 0.1 ? 3 : 2;
  if (ratio < 0.1) return `1/${Number((1 / ratio).toPrecision(3))}×`;
  return `${ratio >= 100 ? Math.round(ratio) : Number(ratio.toFixed(fine))}×`;
}
