// Pieces that sections are made of: small tables, their headings and what stands below them.
(() => {
  'use strict';
  const {element, isNumber, none, count, percent, withInterval} = crosslaw.format;

  // rows: lists of cells; a cell is text, or {text, title, ...attributes}.
  function tableOf(label, head, rows) {
    const cell = (tag, value, i) => {
      const {text, ...more} = value !== null && typeof value === 'object' ? value : {text: value};
      return element(
          tag, {scope: tag === 'th' ? 'row' : null, class: i ? 'number' : 'pin', ...more},
          text ?? none);
    };
    return element(
        'div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label},
        element(
            'table', {class: 'fits'},
            element(
                'thead', {},
                element(
                    'tr', {},
                    head.map(
                        (text, i) =>
                            element('th', {scope: 'col', class: i ? 'number' : 'pin'}, text)))),
            element(
                'tbody', {},
                rows.map(
                    (row) => element(
                        'tr', {}, row.map((value, i) => cell(i ? 'td' : 'th', value, i)))))));
  }

  // Cells, with the whole number for who points at them.
  const estimateCell = (value, ends, show) =>
      ({text: withInterval(value, ends, show), title: isNumber(value) ? value : null});
  const share = (value, ends) => estimateCell(value, ends, (x) => percent(x));
  const tokens = (value, ends) => estimateCell(value, ends, (x) => count(x));
  const small = (text) => element('p', {class: 'origin'}, text);
  const heading = (text) => element('h3', {}, text);

  crosslaw.pieces = {tableOf, estimateCell, share, tokens, small, heading};
})();
