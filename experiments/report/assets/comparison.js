// The page that compares runs.

new Curves(byId('curve'), byId('axes'), JSON.parse(byId('data').textContent).curves);
document.documentElement.dataset.ready = 'true';
