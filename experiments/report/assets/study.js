// The page of a study: its figures are drawn already.

document.documentElement.dataset.ready = 'true';
