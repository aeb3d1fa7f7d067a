// Differences between two texts, line by line: Myers' shortest edit ("An O(ND) Difference Algorithm", 1986).

const MOST_EDITS = 800;
const CONTEXT = 3;

// Returns [sign, line, number before, number after] for every line of both; the sign is ' ', '-' or '+'.
function lineDiff(before, after) {
  let start = 0, end = 0;
  const shortest = Math.min(before.length, after.length);
  while (start < shortest && before[start] === after[start]) start += 1;
  while (end < shortest - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const middle = edits(before.slice(start, before.length - end), after.slice(start, after.length - end));
  const signs = [...Array(start).fill(' '), ...middle, ...Array(end).fill(' ')];
  let old = 0, now = 0;
  return signs.map((sign) => {
    const line = sign === '-' ? before[old] : after[now];
    if (sign !== '+') old += 1;
    if (sign !== '-') now += 1;
    return [sign, line, sign === '+' ? null : old, sign === '-' ? null : now];
  });
}

function edits(before, after) {
  const trail = [], furthest = new Map([[1, 0]]);
  const most = Math.min(before.length + after.length, MOST_EDITS);
  for (let count = 0; count <= most; count += 1) {
    trail.push(new Map(furthest));
    for (let diagonal = -count; diagonal <= count; diagonal += 2) {
      let x = downwards(furthest, diagonal, count) ? furthest.get(diagonal + 1) : furthest.get(diagonal - 1) + 1;
      while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x += 1;
      furthest.set(diagonal, x);
      if (x >= before.length && x - diagonal >= after.length) return walked(trail, before.length, after.length);
    }
  }
  return [...before.map(() => '-'), ...after.map(() => '+')];
}

const downwards = (furthest, diagonal, count) =>
  diagonal === -count || (diagonal !== count && furthest.get(diagonal - 1) < furthest.get(diagonal + 1));

function walked(trail, x, y) {
  const signs = [];
  for (let count = trail.length - 1; count >= 0; count -= 1) {
    const diagonal = x - y, from = downwards(trail[count], diagonal, count) ? diagonal + 1 : diagonal - 1;
    const oldX = count ? trail[count].get(from) : 0, oldY = count ? oldX - from : 0;
    while (x > oldX && y > oldY) {
      signs.push(' ');
      x -= 1;
      y -= 1;
    }
    if (count) signs.push(x === oldX ? '+' : '-');
    [x, y] = [oldX, oldY];
  }
  return signs.reverse();
}

// The lines near a change, and in place of the others how many they are.
function hunks(lines) {
  const near = new Uint8Array(lines.length);
  lines.forEach(([sign], at) => {
    if (sign !== ' ') near.fill(1, Math.max(at - CONTEXT, 0), at + CONTEXT + 1);
  });
  const shown = [];
  let skipped = 0;
  lines.forEach((line, at) => {
    if (near[at]) {
      if (skipped) shown.push(['…', skipped]);
      skipped = 0;
      shown.push(line);
    } else {
      skipped += 1;
    }
  });
  if (skipped && shown.length) shown.push(['…', skipped]);
  return shown;
}
