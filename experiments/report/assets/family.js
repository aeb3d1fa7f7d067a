// The candidates that are drawn, and who came from whom.

class Family {
  constructor(columns, told) {
    this.columns = columns;
    this.told = told;
    this.count = columns.number.length;
    this.places = new Map(columns.number.map((number, place) => [number, place]));
    this.parents = columns.parents.map((own) => own.map((number) => this.places.get(number)).filter((each) => each !== undefined));
    this.children = columns.number.map(() => []);
    this.parents.forEach((own, place) => new Set(own).forEach((parent) => this.children[parent].push(place)));
    this.line = told.line.map((number) => this.places.get(number)).filter((each) => each !== undefined);
    this.elites = new Set(told.elites.map((number) => this.places.get(number)));
    this.winner = this.places.get(told.winner) ?? 0;
  }

  passed(place) {
    return this.columns.speed[place] !== null;
  }

  status(place) {
    return this.told.statuses[this.columns.status[place]];
  }

  operator(place) {
    return this.told.operators[this.columns.operator[place]];
  }

  speedup(place) {
    return 2 ** this.columns.speed[place];
  }

  // The way to a candidate along first parents, the seed first.
  lineOf(place) {
    const way = [place];
    while (this.parents[way[0]].length) way.unshift(this.parents[way[0]][0]);
    return way;
  }

  // One line about a candidate, for eyes and ears alike.
  words(place) {
    const { number, generation, island, summary, repeats } = this.columns;
    const fate = this.passed(place) ? `${times(this.speedup(place))} ${this.told.source}`
      : repeats[place] === null ? this.status(place).words : `repeats candidate ${repeats[place]}`;
    const where = this.told.islands > 1 ? `, island ${island[place]}` : '';
    return `${number[place]} · ${this.operator(place)} · ${fate} · generation ${generation[place]}${where}`
      + (summary[place] ? `\n${summary[place]}` : '');
  }
}
