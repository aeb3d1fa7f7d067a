// The page of one run.

async function begin() {
  const told = JSON.parse(byId('data').textContent);
  new Curves(byId('curve'), byId('axes'), told.curves);
  new Rooflines(byId('roofline'), told.roofs, told.source);
  const place = byId('graph');
  if (!place) return;
  if (typeof DecompressionStream === 'undefined') {
    byId('candidate').textContent = 'The lineage needs a browser of 2023 or later (DecompressionStream).';
    return;
  }
  const family = new Family(await inflated(told.graph), told), article = byId('candidate');
  const open = (at, moved) => {
    graph.choose(at);
    return inspector.show(at).then(() => {
      if (!moved) return;
      article.focus({ preventScroll: true });
      article.scrollIntoView({ block: 'nearest' });
    });
  };
  const inspector = new Inspector(article, family, told, (at) => open(at, true));
  const graph = new Graph(place, family, open);
  legend(byId('legend'), family, graph);
  byId('closer').addEventListener('click', () => graph.zoom(1.6));
  byId('farther').addEventListener('click', () => graph.zoom(1 / 1.6));
  byId('whole').addEventListener('click', () => graph.whole());
  byId('winner').addEventListener('click', () => open(family.winner, false));
  byId('find').addEventListener('submit', (event) => {
    event.preventDefault();
    const at = family.places.get(Number(byId('number').value));
    byId('said').textContent = at === undefined ? 'No such candidate is drawn.' : '';
    if (at !== undefined) open(at, true);
  });
  article.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') place.focus();
  });
  for (const link of document.querySelectorAll('button[data-candidate]')) {
    const at = family.places.get(Number(link.dataset.candidate));
    if (at === undefined) link.disabled = true;
    else link.addEventListener('click', () => open(at, true));
  }
  await open(family.winner, false);
  document.documentElement.dataset.ready = 'true';
}

// Operators by their looks; one that is pressed has the others faded.
function legend(place, family, graph) {
  const buttons = family.told.operators.map((name, operator) => html('button',
    { type: 'button', 'aria-pressed': 'false', onclick: () => press(operator) }, marker(operator), name));
  const press = (operator) => {
    const only = buttons[operator].getAttribute('aria-pressed') === 'true' ? null : operator;
    buttons.forEach((button, at) => button.setAttribute('aria-pressed', String(at === only)));
    graph.only(only);
  };
  place.append(...buttons);
}

begin();
