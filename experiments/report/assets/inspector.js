// One candidate in full: figures, feedback, difference from a parent, source, what models were asked and said.

class Inspector {
  constructor(place, family, told, onChoose) {
    this.place = place;
    this.family = family;
    this.told = told;
    this.onChoose = onChoose;
    this.verdicts = new Packages(told.verdicts);
    this.letters = new Packages(told.letters);
  }

  async show(at) {
    this.at = at;
    const { columns } = this.family;
    const letters = this.letters.of(columns.letters[at], columns.number[at]);
    const [verdict, letter] = await Promise.all([this.verdict(at), letters]);
    const source = verdict?.text(verdict.source);
    const change = await this.change(at, 0, source);
    if (this.at !== at) return;
    this.place.replaceChildren(this.heading(at),
      html('div', { class: 'sides' }, html('div', { class: 'facts' }, this.facts(at, verdict)), html('div', { class: 'texts' },
        verdict ? null : html('p', { class: 'none' },
          'Its texts are left out of this file, which would be too large to mail. The run’s journal has them.'),
        change, source ? part('Source', code(source)) : null, letter ? this.exchange(letter) : null, this.unsent(at, letter))));
    this.place.dataset.number = columns.number[at];
  }

  verdict(at) {
    return this.verdicts.of(this.family.columns.verdicts[at], this.family.columns.number[at]);
  }

  heading(at) {
    const { number, operator } = this.family.columns, { family } = this;
    const fate = family.passed(at) ? `${times(family.speedup(at))} ${this.told.source}` : family.status(at).words;
    return html('header', {}, html('h3', {}, `Candidate ${number[at]}`), marker(operator[at]), html('span', {}, family.operator(at)),
      html('span', { class: family.passed(at) ? 'fate' : 'fate faded' }, fate),
      at === family.winner && family.passed(at) ? html('span', { class: 'badge' }, 'winner') : null,
      html('p', {}, family.columns.summary[at]));
  }

  facts(at, verdict) {
    const { family } = this, { columns } = family, rows = [
      ['generation', `${columns.generation[at]}${this.told.islands > 1 ? `, island ${columns.island[at]}` : ''}`],
      ['parents', this.links(columns.parents[at])],
      ['children', this.links(family.children[at].map((each) => columns.number[each]))],
    ];
    if (columns.repeats[at] !== null) rows.push(['repeats', this.links([columns.repeats[at]])]);
    if (verdict?.checks[1]) rows.push(['checks', `${verdict.checks[0]} of ${verdict.checks[1]} passed`]);
    const took = verdict ? [['CPU', verdict.cost[0]], ['GPU', verdict.cost[2]]].filter(([, seconds]) => seconds) : [];
    if (took.length) rows.push(['evaluation', took.map(([what, seconds]) => `${duration(seconds)} ${what}`).join(', ')]);
    if (verdict?.cached) rows.push(['verdict', 'from a cache that runs share']);
    const feedback = verdict?.text(verdict.feedback);
    return [html('dl', {}, rows.flatMap(([name, value]) => [html('dt', {}, name), html('dd', {}, value)])),
      family.passed(at) && verdict ? this.latencies(verdict) : null, family.passed(at) && verdict ? resources(verdict) : null,
      feedback ? [html('h4', {}, 'Feedback'), html('pre', { class: 'feedback', tabindex: 0 }, feedback)] : null];
  }

  links(numbers) {
    if (!numbers.length) return '–';
    const shown = numbers.slice(0, 24).map((number) => {
      const place = this.family.places.get(number);
      return place === undefined ? html('span', {}, String(number))
        : html('button', { type: 'button', class: 'link', onclick: () => this.onChoose(place) }, String(number));
    });
    return html('span', { class: 'links' }, shown, numbers.length > 24 ? `and ${numbers.length - 24} more` : null);
  }

  latencies(verdict) {
    const rows = verdict.times.map(([workload, ms, low, high, samples]) => {
      const seed = this.told.seed[workload], sure = low < high ? ` (${low}–${high})` : '';
      return html('tr', { title: `${samples} samples` }, html('th', { scope: 'row' }, workload),
        html('td', {}, `${ms}${sure}`), html('td', {}, seed ? times(seed / ms) : ''));
    });
    return table(['workload', `ms, ${this.told.source}`, 'speed-up'], rows);
  }

  // The difference from one of the parents, which can be chosen where there are several.
  async change(at, which, source) {
    const parents = this.family.columns.parents[at];
    if (!parents.length || !source) return null;
    const place = this.family.places.get(parents[which]), verdict = place === undefined ? null : await this.verdict(place);
    const lines = verdict?.source ? lineDiff(verdict.text(verdict.source).split('\n'), source.split('\n')) : null;
    const body = lines ? difference(lines) : html('p', { class: 'none' }, 'The source of this parent is not in this file.');
    const again = async (event) => node.replaceWith(await this.change(at, Number(event.target.value), source));
    const choice = parents.length > 1 ? html('select', { 'aria-label': 'Parent to compare with', onchange: again },
      parents.map((number, place) => html('option', { value: place, selected: place === which }, `parent ${number}`))) : null;
    const count = (sign) => lines?.filter((line) => line[0] === sign).length ?? 0;
    const node = part(`Change against parent ${parents[which]}`, [choice, body], { open: true, note: lines ? `+${count('+')} −${count('-')} lines` : '' });
    node.classList.add('change');
    return node;
  }

  exchange(letter) {
    return letter.calls.map((call, at) => part(`Asked ${call.model}${letter.calls.length > 1 ? `, call ${at + 1}` : ''}`, [
      call.asked.map(([role, runs]) => [html('h4', {}, role), html('pre', { tabindex: 0 }, letter.text(runs))]),
      html('h4', {}, `reply (${call.ended})`), html('pre', { tabindex: 0 }, letter.text(call.answered)),
    ], { note: `${whole(call.spend[0])} + ${whole(call.spend[1])} tokens${call.spend[2] ? `, $${call.spend[2].toPrecision(3)}` : ''}` }));
  }

  unsent(at, letter) {
    if (letter || !this.family.columns.asked[at]) return null;
    return html('p', { class: 'none' }, 'What a model was asked and said is left out of this file, which would be '
      + 'too large to mail. The run’s journal has it.');
  }
}

function resources(verdict) {
  if (!verdict.resources.length) return null;
  const rows = verdict.resources.map(([kernel, registers, spills, shared, warps, occupancy, bound]) => {
    const cells = [registers, spills, `${whole(shared)} B`, warps, `${Math.round(100 * occupancy)}%`, bound ?? '–'];
    return html('tr', {}, html('th', { scope: 'row' }, kernel), cells.map((each) => html('td', {}, String(each))));
  });
  return table(['kernel', 'registers', 'spills', 'shared', 'warps', 'occupancy', 'bound'], rows);
}

function table(names, rows) {
  const heads = html('tr', {}, names.map((name) => html('th', { scope: 'col' }, name)));
  return html('div', { class: 'wide', tabindex: 0 }, html('table', {}, html('thead', {}, heads), html('tbody', {}, rows)));
}

function part(title, content, { open = false, note = '' } = {}) {
  return html('details', { open }, html('summary', {}, title, note ? html('span', { class: 'note' }, note) : null), content);
}

function code(source) {
  return html('pre', { class: 'code', tabindex: 0 }, source);
}

function difference(lines) {
  const shown = hunks(lines), words = { ' ': '', '-': 'removed', '+': 'added', '…': 'skipped' };
  if (!shown.length) return html('p', { class: 'none' }, 'No line differs.');
  const rows = shown.map(([sign, line, old, now]) => html('span', { class: `row ${words[sign]}` },
    sign === '…' ? `${line} ${line === 1 ? 'line' : 'lines'} alike` : [
      html('span', { class: 'at', 'aria-hidden': 'true' }, String(now ?? old)),
      html('span', { class: 'sign' }, sign), line,
    ], '\n'));
  return html('pre', { class: 'diff', tabindex: 0 }, rows);
}
