// Puts the page together: the choice of a language, the sections, the theme, where it is from.
(() => {
  'use strict';
  const {element, fill, none, language, date} = crosslaw.format;
  const {read, contextFor, narrow} = crosslaw.data;
  const drawing = crosslaw.drawing;

  const mostSwitches = 5;  // side by side in the bar; more pairs make a list

  function languages(data, choose) {
    const box = document.getElementById('languages');
    box.hidden = data.pairs.length < 2;
    const titles =
        data.pairs.map((pair, i) => crosslaw.data.variantOf(data, i) || language(pair.language));
    if (titles.length > mostSwitches) {
      box.className = '';
      box.append(element(
          'select', {onchange: (event) => choose(Number(event.target.value))},
          ...titles.map((title, i) => element('option', {value: i}, title))));
      return;
    }
    box.append(
        ...titles.map((title, i) => element(
                          'label', {}, element('input', {
                            type: 'radio',
                            name: 'language',
                            value: i,
                            checked: i === 0,
                            onchange: () => choose(i)
                          }),
                          element('span', {}, title))));
  }

  function showChosen(index) {
    document.querySelectorAll('.headline').forEach((line) => {
      line.setAttribute('aria-pressed', String(Number(line.dataset.pair) === index));
    });
    document.querySelectorAll('#languages input').forEach((input) => {
      input.checked = Number(input.value) === index;
    });
    const list = document.querySelector('#languages select');
    if (list) list.value = index;
  }

  function provenance(data) {
    const conventions = data.conventions || {};
    const when = date(data.generated), name = data.name || 'unnamed';
    const fact = (title, ...body) => [element('dt', {}, title), element('dd', {}, ...body)];
    const code = (text) => element('code', {}, text);
    fill(
        'provenance-list', fact('Parameters, N', conventions.params || none),
        fact('Compute, C', conventions.flops || none), fact('Loss, L', conventions.loss || none),
        fact(
            'Made by', `crosslaw ${data.crosslaw || 'of unknown version'}, `,
            code(data.command || 'command not recorded'), `, ${when}`),
        fact(
            'The data', 'Every loss, run and fit is in ', code('crosslaw.db'),
            ' beside this page; the views ', code('observations'), ' and ', code('run_results'),
            ' are made for your own queries. ', code('crosslaw export'),
            ' writes the observations as CSV, and the CSV button under each figure the numbers it shows.'),
        fact(
            'Keys',
            'A run\'s key is the SHA-256 of everything that can change its loss. The same key means the same run; its folder under ',
            code('runs/'), ' carries that name.'),
        fact(
            'Method',
            'Scaling laws for training from scratch and for continuing from another language after arXiv:2407.02118. Diverged, failed and unfinished runs are listed, not fitted.'),
        fact(
            'To cite a number',
            `Give it with its interval, the name of the fit or the run's key, and this page: “${
                name}, crosslaw ${data.crosslaw || ''}, ${when}”. ` +
                'Mark what lies outside the measured range as extrapolated.'));
    fill(
        'colophon',
        'One file, nothing fetched. Figures drawn with plotly.js (MIT licence), carried inside.');
  }

  function navigation() {
    const links = [...document.querySelectorAll('main > section[data-nav]')].map((section) => {
      const link = element('a', {href: `#${section.id}`}, section.dataset.nav);
      return {section, link};
    });
    fill('sections', links.map(({link}) => link));
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries.filter((e) => e.isIntersecting)) {
        for (const {section, link} of links)
          link.toggleAttribute('data-here', section === entry.target);
      }
    }, {rootMargin: '-20% 0px -70% 0px'});
    links.forEach(({section}) => watch.observe(section));
  }

  function themeButton(redraw, print) {
    const button = document.getElementById('theme');
    const name = () => {
      button.textContent = crosslaw.theme.current() === 'dark' ? 'Light' : 'Dark';
    };
    name();
    button.addEventListener('click', () => {
      crosslaw.theme.toggle();
      name();
      redraw();
    });
    crosslaw.theme.onSystemChange(() => {
      name();
      redraw();
    });
    // Paper is white: figures are drawn again in light colours and put back afterwards.
    window.addEventListener('beforeprint', () => {
      crosslaw.theme.show('light');
      print();
    });
    window.addEventListener('afterprint', () => {
      crosslaw.theme.restore();
      redraw();
    });
  }

  function start() {
    const data = read();
    let index = 0;
    const redraw = () => drawing.drawAll(contextFor(data, index));
    const show = () => {
      const context = contextFor(data, index);
      showChosen(index);
      for (const [id, source] of Object.entries(crosslaw.sources))
        fill(`source-${id}`, source(context));
      crosslaw.tables.allocation(context);
      for (const part of crosslaw.parts) part(context);
      return drawing.drawAll(context);
    };
    const choose = (i) => {
      index = i;
      show();
    };
    crosslaw.summary(data, choose);
    languages(data, choose);
    navigation();
    provenance(data);
    crosslaw.tables.runs(contextFor(data, index));
    themeButton(
        redraw, () => drawing.drawNow({...contextFor(data, index), narrow: false, print: true}));
    narrow.addEventListener('change', redraw);
    return show();
  }

  try {
    start();
  } catch (error) {
    crosslaw.note(`page: ${error && error.message}`);
    document.getElementById('headlines').textContent =
        'This report could not be read: its data are damaged. Make it again with crosslaw report.';
    drawing.publish();
    throw error;
  }
})();
