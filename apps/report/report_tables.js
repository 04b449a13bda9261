// The two long tables: what to do with a budget, and every run.
(() => {
  'use strict';
  const {
    element,
    fill,
    isNumber,
    none,
    count,
    digits,
    power,
    whole,
    loss,
    interval,
    withInterval,
    duration
  } = crosslaw.format;
  const {csv, save} = crosslaw.drawing;
  const say = (text) => {
    document.getElementById('crosslaw-said').textContent = text;
  };

  // ---- allocation
  const sides = [['scratch', 'From scratch'], ['continued', 'Continued']];
  const number = (main, small) => element(
      'td', {class: 'number'}, element('b', {}, main), small ? element('small', {}, small) : null);

  function sideCells(side, kind) {
    if (!side)
      return [element(
          'td', {class: `number none ${kind}`, colspan: '4'}, 'no optimum from this law')];
    const first = number(count(side.params), interval(side.params_ci95, (n) => count(n, 2)));
    first.classList.add(kind);
    if (isNumber(side.params)) first.title = `${side.params} parameters`;
    const nearest = side.nearest_size ? number(side.nearest_size, `${count(side.nearest_params)}`) :
                                        number(none);
    return [
      first, number(count(side.tokens), interval(side.tokens_ci95, (n) => count(n, 2))),
      number(loss(side.loss), interval(side.loss_ci95, (n) => loss(n))), nearest
    ];
  }
  function difference(row) {
    const gap = row.loss_difference;
    if (!isNumber(gap)) return element('td', {class: 'number none'}, none);
    return element(
        'td', {class: 'number'}, element('b', {}, `${gap > 0 ? '+' : ''}${loss(gap)}`),
        element('small', {}, gap < 0 ? 'continue' : 'from scratch'));
  }
  function allocationTable({rows, compute}) {
    const heads = ['N', 'D, tokens', 'loss', 'nearest size'];
    const top = element(
        'tr', {},
        element('th', {scope: 'col', rowspan: '2', class: 'pin'}, `Budget, ${compute || 'FLOPs'}`),
        sides.map(
            ([kind, title]) =>
                element('th', {scope: 'colgroup', colspan: '4', class: kind}, title)),
        element(
            'th', {scope: 'col', rowspan: '2', class: 'number'}, 'Difference',
            element('small', {}, 'loss, better way')));
    const second = element(
        'tr', {},
        sides.flatMap(
            ([kind]) => heads.map(
                (head, i) =>
                    element('th', {scope: 'col', class: `number ${i ? '' : kind}`}, head))));
    const body = rows.flatMap(
        (row) =>
            [element(
                 'tr', {},
                 element(
                     'th', {scope: 'row', class: 'pin', title: row.flops},
                     power(
                         row.flops,
                         isNumber(row.flops) && Number(row.flops.toPrecision(1)) === row.flops ?
                             1 :
                             3)),
                 sides.flatMap(([kind]) => sideCells(row[kind], kind)), difference(row)),
             (row.warnings || []).length ?
                 element(
                     'tr', {class: 'warning'}, element('td', {class: 'pin'}),
                     element('td', {colspan: '9'}, element('div', {}, row.warnings.join('; ')))) :
                 null,
    ]);
    return element(
        'div', {
          class: 'scroll',
          tabindex: '0',
          role: 'region',
          'aria-label': 'Compute-optimal allocations'
        },
        element(
            'table', {class: 'allocation'}, element('thead', {}, top, second),
            element('tbody', {}, body)));
  }

  const keys = ['params', 'tokens', 'loss'];
  function allocationRecords(rows) {
    const columns = [
      'flops',
      ...sides.flatMap(
          ([kind]) => [...keys.flatMap((key) => [key, `${key}_ci95_low`, `${key}_ci95_high`]),
                       'nearest_size', 'nearest_params']
                          .map((key) => `${kind}_${key}`)),
      'loss_difference', 'warnings'
    ];
    return {
      columns,
      rows: rows.map(
          (row) =>
              [row.flops, ...sides.flatMap(([kind]) => {
                const side = row[kind] || {};
                return [
                  ...keys.flatMap(
                      (key) =>
                          [side[key], (side[`${key}_ci95`] || [])[0],
                           (side[`${key}_ci95`] || [])[1]]),
                  side.nearest_size, side.nearest_params
                ];
              }),
               row.loss_difference, (row.warnings || []).join('; ')])
    };
  }
  function allocationMarkdown(rows) {
    const head = [
      'budget (FLOPs)',
      ...sides.flatMap(
          ([, title]) => ['N', 'D (tokens)', 'loss', 'nearest size'].map(
              (name) => `${title}: ${name}`))
    ];
    const safe = (text) => String(text).replace(/\|/g, '\\|');
    const lines = rows.map((row) => [power(row.flops, 3), ...sides.flatMap(([kind]) => {
                                      const side = row[kind] || {};
                                      const shown = (key, show) =>
                                          withInterval(side[key], side[`${key}_ci95`], show);
                                      return [
                                        shown('params', count), shown('tokens', count),
                                        shown('loss', loss), side.nearest_size || none
                                      ];
                                    })].map(safe));
    return [head, head.map((_, i) => (i ? '---:' : ':---')), ...lines]
               .map((line) => `| ${line.join(' | ')} |`)
               .join('\n') +
        '\n';
  }

  // The clipboard is not given to every local file: an older way stands behind it.
  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const box = element('textarea', {'aria-hidden': 'true'});
      box.value = text;
      document.body.append(box);
      box.select();
      const copied = document.execCommand('copy');
      box.remove();
      if (!copied) return say(`${what} could not be copied`);
    }
    say(`${what} copied`);
  }

  // How the best size and number of tokens grow with the budget.
  function growthLines(lines) {
    const line = (g, letter, name) =>
        [`${letter}* = ${digits(g[`${name}_constant`], 4)} C`,
         element('sup', {}, digits(g[`${name}_exponent`], 3)),
         ` ${interval(g[`${name}_exponent_ci95`], (x) => digits(x, 3))}`];
    return lines.filter((g) => isNumber(g.params_exponent))
        .map(
            (g) => element(
                'p', {}, `${g.strategy === 'continued' ? 'Continued' : 'From scratch'}: `,
                ...line(g, 'N', 'params'), ', ', ...line(g, 'D', 'tokens'), '.'));
  }

  function allocation(context) {
    const {rows} = context.pair.allocation;
    crosslaw.drawing.showSection(
        'allocation', context.compared || rows.length > 0, 'no language has runs to fit laws to');
    if (!rows.length) {
      fill('allocation-buttons');
      fill(
          'allocation-table',
          element('p', {class: 'absent'}, 'No allocation yet: it follows from the fitted laws.'));
      return;
    }
    const button = (label, make) => element(
        'button', {
          type: 'button',
          class: 'quiet',
          onclick: async (event) => {
            await copy(make(), label);
            const target = event.target, text = `Copy as ${label}`;
            target.textContent = 'Copied';
            setTimeout(() => {
              target.textContent = text;
            }, 1500);
          }
        },
        `Copy as ${label}`);
    fill(
        'allocation-buttons', button('CSV', () => csv(allocationRecords(rows))),
        button('Markdown', () => allocationMarkdown(rows)));
    fill(
        'allocation-table', allocationTable(context.pair.allocation),
        growthLines(context.pair.allocation.growth || []));
  }
  crosslaw.sources.allocation = (context) => context.pair.allocation.rows.length ?
      `Lowest predicted loss at each budget, counted as ${
          context.pair.allocation.compute ||
          'FLOPs'}. The nearest size is the one of this ladder; CSV carries all digits.` :
      '';

  // ---- runs
  const page = 100;  // rows shown at first: a thousand can be asked for
  const columns = [
    {key: 'name', title: 'Run'},
    {key: 'outcome', title: 'Outcome'},
    {key: 'strategy', title: 'Strategy'},
    {key: 'size', title: 'Size'},
    {key: 'params', title: 'N', show: (x) => count(x), exact: true},
    {key: 'tokens', title: 'Tokens', show: (x) => count(x), exact: true},
    {key: 'loss', title: 'Loss', show: (x) => loss(x, 4), exact: true},
    {key: 'loss_per_byte', title: 'Per byte', show: (x) => loss(x, 4), exact: true},
    {key: 'flops', title: 'FLOPs', show: (x) => power(x, 3), exact: true},
    {key: 'seconds', title: 'Time', show: duration, exact: true},
    {key: 'attempts', title: 'Tries', show: whole},
    {key: 'device', title: 'Device'},
    {key: 'key', title: 'Key'},
  ];
  const view = {sort: null, down: false, text: '', outcome: '', strategy: '', all: false};

  function compare(a, b) {
    // Unknown values come last, whichever way the column is sorted.
    const [x, y] =
        [a[view.sort], b[view.sort]].map((value) => (value === undefined ? null : value));
    if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === 'number' && typeof y === 'number' ?
        x - y :
        String(x).localeCompare(String(y), 'en', {numeric: true});
    return view.down ? -order : order;
  }
  function chosenRuns(runs) {
    const words = view.text.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = runs.filter(
        (run) => (!view.outcome || run.outcome === view.outcome) &&
            (!view.strategy || run.strategy === view.strategy) &&
            words.every(
                (word) => `${run.name} ${run.size} ${run.key} ${run.message} ${run.device}`
                              .toLowerCase()
                              .includes(word)));
    return view.sort ? kept.sort(compare) : kept;
  }

  function runRow(run) {
    const cells = columns.map(({key, show, exact}) => {
      if (key === 'name')
        return element(
            'th', {scope: 'row', class: 'pin'}, run.name ?? none,
            run.message ? element('small', {}, run.message) : null);
      if (key === 'outcome')
        return element(
            'td', {},
            element('span', {class: 'outcome', 'data-outcome': run.outcome}, run.outcome ?? none));
      if (key === 'key')
        return element(
            'td', {title: run.key}, element('code', {}, String(run.key ?? none).slice(0, 10)));
      const value = run[key];
      return element(
          'td', {class: show ? 'number' : null, title: exact && isNumber(value) ? value : null},
          show ? show(value) : value ?? none);
    });
    return element('tr', {}, cells);
  }

  function drawRuns(runs) {
    const kept = chosenRuns(runs), shown = view.all ? kept : kept.slice(0, page);
    const heads = columns.map((column) => {
      const sorted = view.sort === column.key;
      return element(
          'th', {
            scope: 'col',
            class: column.show        ? 'number' :
                column.key === 'name' ? 'pin' :
                                        null,
            'aria-sort': sorted ? (view.down ? 'descending' : 'ascending') : 'none'
          },
          element(
              'button', {
                type: 'button',
                onclick: () => {
                  view.down = sorted && !view.down;
                  view.sort = column.key;
                  drawRuns(runs);
                }
              },
              column.title));
    });
    const rest = kept.length - shown.length;
    const scrolled = document.querySelector('#runs-table .scroll')?.scrollLeft || 0;
    fill(
        'runs-table',
        element(
            'div', {class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': 'Runs'},
            element(
                'table', {class: 'runs'}, element('thead', {}, element('tr', {}, heads)),
                element('tbody', {}, shown.map(runRow)))),
        rest > 0 ? element(
                       'button', {
                         type: 'button',
                         class: 'quiet',
                         onclick: () => {
                           view.all = true;
                           drawRuns(runs);
                         }
                       },
                       `Show the other ${whole(rest)}`) :
                   [],
        kept.length ? [] : element('p', {class: 'absent'}, 'No run matches.'));
    document.querySelector('#runs-table .scroll').scrollLeft = scrolled;
    say(`${kept.length} runs match`);
  }

  function runs(context) {
    const all = context.data.runs, box = document.getElementById('runs-box');
    document.getElementById('runs-count').textContent = all.length ? `(${whole(all.length)})` : '';
    if (!all.length)
      return fill(
          'runs', element('h2', {}, 'Every run'),
          element('p', {class: 'absent'}, 'No run is listed in this report.'));
    const select = (label, key) => {
      const values = [...new Set(all.map((run) => run[key]).filter((value) => value))].sort();
      return element(
          'label', {}, `${label} `,
          element(
              'select', {
                onchange: (event) => {
                  view[key] = event.target.value;
                  drawRuns(all);
                }
              },
              element('option', {value: ''}, 'all'),
              values.map((value) => element('option', {value}, value))));
    };
    const search = element('input', {
      type: 'search',
      placeholder: 'name, size, key, message',
      oninput: (event) => {
        view.text = event.target.value;
        drawRuns(all);
      }
    });
    fill(
        'runs-filters', element('label', {}, 'Find ', search), select('Outcome', 'outcome'),
        select('Strategy', 'strategy'),
        element(
            'button', {
              type: 'button',
              class: 'quiet',
              onclick: () => save(
                  'crosslaw-runs.csv', csv({
                    columns: [...columns.map((c) => c.key), 'message'],
                    rows: chosenRuns(all).map(
                        (run) => [...columns.map((c) => run[c.key]), run.message])
                  }),
                  'text/csv')
            },
            'CSV'));
    // Built when it is first opened, so that a phone never pays for it.
    const open = () => {
      if (box.open && !document.querySelector('#runs-table table')) drawRuns(all);
    };
    box.addEventListener('toggle', open);
    box.open = !context.narrow;
    open();
  }

  crosslaw.tables = {allocation, runs};
})();
