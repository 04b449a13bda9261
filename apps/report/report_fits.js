// The fitted laws: coefficients with intervals, as a table and as dots, and what cannot be told
// apart.
(() => {
  'use strict';
  const {
    element,
    fill,
    isNumber,
    none,
    estimate,
    fixed,
    places,
    interval,
    digits,
    percent,
    power,
    whole,
    plain
  } = crosslaw.format;
  const charts = crosslaw.charts;
  const symbols = {alpha: 'α', beta: 'β', 'beta\'': 'β′', gamma: 'γ', 'B\'': 'B′'};
  const order = ['E', 'A', 'alpha', 'B', 'beta', 'B\'', 'beta\'', 'gamma'];
  // ^{...} marks what is set as an exponent.
  const laws = {
    chinchilla: 'E + A/N^{α} + B/D^{β}',
    extended: 'E + A/N^{α} + B′/(D^{β′}N^{γ})',
    joint: 'both at once, one E, A and α'
  };
  const typeset = (law) =>
      law.split(/\^\{([^}]*)\}/).map((part, i) => (i % 2 ? element('sup', {}, part) : part));

  const kinds = {scratch: 'scratch', continued: 'continued', both: 'neutral'};
  const coefficients = (fit) => new Map(
      Object.entries(fit.coefficients || {}).filter(([, entry]) => entry && isNumber(entry.value)));
  const symbol = (name) => symbols[name] || name;
  function namesIn(fits) {
    const all = new Set(fits.flatMap((fit) => [...coefficients(fit).keys()]));
    return [
      ...order.filter((name) => all.has(name)), ...[...all].filter((name) => !order.includes(name))
    ];
  }

  function valueCell(entry) {
    if (!entry) return element('td', {class: 'number none'}, none);
    const known = interval(entry.ci95, (end) => fixed(end, places(entry.value, entry.ci95)));
    return element(
        'td', {
          class: 'number',
          title: `${entry.value}${isNumber(entry.se) ? ` ± ${entry.se} (standard error)` : ''}`
        },
        element('b', {}, estimate(entry.value, entry.ci95)), ' ',
        element('small', {}, entry.held ? 'held from scratch' : known || 'no interval'));
  }

  function table(fits) {
    const names = namesIn(fits);
    const head = element(
        'thead', {},
        element(
            'tr', {}, element('th', {scope: 'col', class: 'pin'}, 'Coefficient'),
            fits.map(
                (fit) => element(
                    'th', {scope: 'col', class: 'number'}, fit.name,
                    element(
                        'small', {}, laws[fit.law] ? typeset(laws[fit.law]) : fit.law || '')))));
    const row = (label, cells) =>
        element('tr', {}, element('th', {scope: 'row', class: 'pin'}, label), cells);
    const facts = [
      ['Points', (fit) => whole(fit.points)],
      ['Residual, rms', (fit) => percent(fit.rms_residual, 2)],
      ['Objective', (fit) => digits(fit.objective, 5)],
      [
        'Starts at the optimum',
        (fit) =>
            (isNumber(fit.starts_at_best) ? `${whole(fit.starts_at_best)} of ${whole(fit.starts)}` :
                                            none)
      ],
      ['Condition number', (fit) => power(fit.condition, 2)],
      [
        'Identifiable',
        (fit) =>
            (fit.identifiable === false ? 'no' :
                 fit.identifiable       ? 'yes' :
                                          none)
      ],
    ];
    return element(
        'div',
        {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Fitted coefficients'},
        element(
            'table', {class: 'fits'}, head,
            element(
                'tbody', {},
                names.map(
                    (name) => row(
                        symbol(name), fits.map((fit) => valueCell(coefficients(fit).get(name)))))),
            element(
                'tbody', {class: 'facts'},
                facts.map(
                    ([label, show]) => row(
                        label, fits.map((fit) => element('td', {class: 'number'}, show(fit))))))));
  }

  function notices(fits) {
    return fits.filter((fit) => fit.identifiable === false || (fit.problems || []).length)
        .map((fit) => {
          const bad = fit.identifiable === false, empty = coefficients(fit).size === 0;
          const words = empty ? `No numbers for “${fit.name}”.` :
              bad ? `Do not read the coefficients of “${
                        fit.name}” one by one: these runs do not identify them.` :
                    `About “${fit.name}”:`;
          return element(
              'div', {class: bad ? 'notice' : 'remark'}, element('p', {}, element('b', {}, words)),
              (fit.problems || []).length ?
                  element('ul', {}, fit.problems.map((text) => element('li', {}, text))) :
                  null);
        });
  }

  // Exponents share one axis with zero on it; E and the two large factors have their own.
  const groups = [
    {title: 'Exponents', names: ['alpha', 'beta', 'beta\'', 'gamma'], type: 'linear', zero: true},
    {title: 'E, nats per token', names: ['E'], type: 'linear'},
    {title: 'A, B and B′', names: ['A', 'B', 'B\''], type: 'count'},
  ];

  // Values and interval ends of a group; an open end adds nothing, and a hundredfold one is cut at
  // the frame.
  function reaches(fits, group) {
    const entries = fits.flatMap((fit) => group.names.map((name) => coefficients(fit).get(name)))
                        .filter((entry) => entry && !entry.held);
    const values = entries.map((entry) => entry.value),
          most = Math.max(...values.map(Math.abs)) * 100;
    return [
      ...values,
      ...entries.flatMap((entry) => entry.ci95 || [])
          .filter((end) => isNumber(end) && Math.abs(end) <= most)
    ];
  }

  function dotTraces(fits, group, axes, rows) {
    return fits.flatMap((fit, f) => {
      const kind = kinds[fit.subject] || 'neutral';
      const found =
          group.names.filter((name) => coefficients(fit).has(name))
              .map((name) => ({name, ...coefficients(fit).get(name)}))
              .filter((entry) => !entry.held && (group.type === 'linear' || entry.value > 0));
      // An interval as a line of its own; an open end has nothing to show, and zero no place on a
      // log axis.
      const shownEnd = (entry, end) => {
        const value = (entry.ci95 || [])[end];
        return isNumber(value) && (group.type === 'linear' || value > 0) ? value : entry.value;
      };
      const row = (entry) => rows.get(`${entry.name} ${f}`);
      const intervals = {
        type: 'scatter',
        mode: 'lines',
        name: 'interval',
        ...axes,
        x: found.flatMap((entry) => [shownEnd(entry, 0), shownEnd(entry, 1), null]),
        y: found.flatMap((entry) => [row(entry), row(entry), null]),
        hoverinfo: 'skip',
        line: {color: charts.colour(kind), width: 1.8}
      };
      const values = {
        type: 'scatter',
        mode: 'markers',
        name: fit.subject,
        ...axes,
        x: found.map((entry) => entry.value),
        y: found.map(row),
        marker: {
          size: 9,
          color: fit.identifiable === false ? charts.colour('panel') : charts.colour(kind),
          line: {width: 2, color: charts.colour(kind)}
        },
        hoverinfo: 'text',
        hovertext: found.map(
            (entry) => `<b>${symbol(entry.name)}</b>, ${plain(fit.name)}<br>${entry.value} ` +
                `${interval(entry.ci95, String)}${
                           fit.identifiable === false ? '<br>not identifiable' : ''}`)
      };
      return [intervals, values];
    });
  }

  // One row for each coefficient of each fit, top down; a label sits at the middle of its rows.
  function rowsOf(fits, group) {
    const rows = new Map(), ticks = [];
    let at = 0;
    for (const name of group.names.filter((n) => fits.some((fit) => coefficients(fit).has(n)))) {
      const start = at;
      fits.forEach((fit, f) => {
        const entry = coefficients(fit).get(name);
        if (entry && !entry.held) rows.set(`${name} ${f}`, at++);
      });
      ticks.push({at: (start + at - 1) / 2, text: symbol(name)});
      at += 0.7;
    }
    return {rows, ticks, end: at};
  }
  function groupAxes(fits, group, panel, placed, k) {
    const across = charts.axis({
      type: group.type,
      over: [...reaches(fits, group), ...(group.zero ? [0] : [])],
      domain: panel.x,
      anchor: `y${k}`,
      zeroline: Boolean(group.zero),
      zerolinewidth: 1.5
    });
    const down = charts.axis({
      domain: panel.y,
      anchor: `x${k}`,
      range: [placed.end - 0.2, -0.7],
      tickvals: placed.ticks.map((t) => t.at),
      ticktext: placed.ticks.map((t) => t.text),
      showgrid: false,
      ticks: '',
      tickfont: charts.font(14, 'ink'),
      fixedrange: true
    });
    return {[`xaxis${k}`]: across, [`yaxis${k}`]: down};
  }

  function build(context) {
    const fits = context.pair.fits;
    fill('fit-notices', notices(fits));
    fill('fit-table', fits.length ? table(fits) : []);
    const known = fits.filter((fit) => coefficients(fit).size > 0);
    if (!known.length) {
      if (!context.compared) return {unrun: 'no language has runs to fit laws to'};
      return {
        missing: fits.length ? 'No fit gave coefficients. The notices above say why.' :
                               'No law has been fitted yet: fits wait for finished runs.'
      };
    }
    const used = groups.filter(
        (group) => known.some((fit) => group.names.some((name) => coefficients(fit).has(name))));
    const panels = charts.panels(context, used.map((group) => 1 + group.names.length), 0.1);
    const traces = [], axes = {};
    used.forEach((group, g) => {
      const k = g ? String(g + 1) : '', placed = rowsOf(known, group);
      traces.push(...dotTraces(known, group, {xaxis: `x${k}`, yaxis: `y${k}`}, placed.rows));
      Object.assign(axes, groupAxes(known, group, panels[g], placed, k));
    });
    return {
      traces,
      table: () => csvTable(fits),
      height: context.narrow ? 600 : 320,
      layout: charts.layout(context, {
        margin: {l: 58, r: 16, t: 36, b: 32},
        ...axes,
        annotations: used.map((group, g) => charts.panelTitle(panels[g], group.title))
      }),
    };
  }

  function csvTable(fits) {
    return {
      columns: ['fit', 'law', 'coefficient', 'value', 'se', 'ci95_low', 'ci95_high', 'held'],
      rows: fits.flatMap(
          (fit) => [...coefficients(fit)].map(
              ([name, e]) =>
                  [fit.name, fit.law, name, e.value, e.se, (e.ci95 || [])[0], (e.ci95 || [])[1],
                   e.held]))
    };
  }

  function source(context) {
    const fits = context.pair.fits;
    if (!fits.length) return '';
    return 'Huber loss on the logarithm of the losses, many starts, finished runs only; brackets are 95 % intervals from refits on resampled runs. ' +
        'Orange: scratch, blue: continued, grey: joint; hollow: not identifiable. Coefficients held from the scratch fit have no dot of their own.';
  }

  crosslaw.drawing.figure('coefficients', build);
  crosslaw.sources.coefficients = source;
})();
