// Texts as the report holds them: deflated JSON, and runs of lines that several texts share.

async function inflated(base64) {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Response(stream).json();
}

function textOf(runs, lines) {
  const parts = [];
  for (let at = 0; at < runs.length; at += 2) parts.push(...lines.slice(runs[at], runs[at] + runs[at + 1]));
  return parts.join('\n');
}

// Packages that are inflated when one of their candidates is first looked at.
class Packages {
  constructor(packages) {
    this.packages = packages;
    this.opened = new Map();
  }

  async of(place, number) {
    if (place < 0) return null;
    if (!this.opened.has(place)) this.opened.set(place, inflated(this.packages[place]));
    const { lines, of } = await this.opened.get(place);
    return { ...of[number], text: (runs) => (runs ? textOf(runs, lines) : '') };
  }
}
