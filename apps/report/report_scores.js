// Zero-shot scores on multiple-choice sets: by strategy, against the loss, and by share of replay.
(() => {
  'use strict';
  const {element, fill, isNumber, digits, loss, percent, plain} = crosslaw.format;
  const charts = crosslaw.charts;
  const {tableOf, small} = crosslaw.pieces;

  const known = (context) =>
      (context.data.scores.rows || []).filter((row) => isNumber(row.by_byte));
  const setsOf = (rows) => [...new Set(rows.map((row) => row.set))];
  const name = (row) => `${row.strategy}${row.replay ? `, ${percent(row.replay)} replay` : ''}`;
  const words = (row) => `<b>${plain(row.set)}</b>, ${plain(name(row))}, ${plain(row.size)}<br><b>${
      percent(row.by_byte, 1)}</b> of ${row.questions} questions, ${
      percent(row.by_byte_ci95[0], 1)} to ${percent(row.by_byte_ci95[1], 1)}`;
  const bars = (rows) => ({
    type: 'data',
    symmetric: false,
    array: rows.map((row) => row.by_byte_ci95[1] - row.by_byte),
    arrayminus: rows.map((row) => row.by_byte - row.by_byte_ci95[0]),
    width: 0,
    thickness: 1
  });

  // A dot a set and strategy, of the largest model; then every model over its loss.
  function build(context) {
    const rows = known(context);
    if (!rows.length) return {unrun: 'no multiple-choice set was scored'};
    const panels = charts.panels(context), sets = setsOf(rows);
    const trace = (kind, some, x, axes, title) => ({
      type: 'scatter',
      mode: 'markers',
      name: title,
      ...axes,
      x: some.map(x),
      y: some.map((row) => row.by_byte),
      error_y: {...bars(some), color: charts.colour(kind)},
      hoverinfo: 'text',
      hovertext: some.map(words),
      marker: {
        size: 8,
        color: some.map((row) => context.scale.shadeOf(kind, row.params)),
        line: {width: 1, color: charts.colour(kind)}
      }
    });
    const kinds = ['source', 'scratch', 'continued'];
    const offset = (kind) => 0.18 * (kinds.indexOf(kind) - 1);
    const largest = rows.filter((row) => row.largest);
    const withLoss = rows.filter((row) => isNumber(row.loss));
    return {
      traces: kinds.flatMap(
          (kind) =>
              [trace(
                   kind, largest.filter((row) => row.kind === kind),
                   (row) => sets.indexOf(row.set) + offset(kind), {xaxis: 'x', yaxis: 'y'},
                   `set ${kind}`),
               trace(
                   kind, withLoss.filter((row) => row.kind === kind), (row) => row.loss,
                   {xaxis: 'x2', yaxis: 'y2'}, `loss ${kind}`)]),
      height: charts.height(context),
      layout: charts.layout(context, {
        xaxis: charts.axis({
          domain: panels[0].x,
          tickvals: sets.map((_, i) => i),
          ticktext: sets.map(plain),
          range: [-0.5, sets.length - 0.5]
        }),
        yaxis: charts.axis({tickformat: '.0%', domain: panels[0].y}),
        xaxis2: charts.axis({title: 'loss, nats per token', domain: panels[1].x, anchor: 'y2'}),
        yaxis2: charts.axis({tickformat: '.0%', domain: panels[1].y, anchor: 'x2', matches: 'y'}),
        annotations: [
          charts.panelTitle(panels[0], 'Right answers of the largest models'),
          charts.panelTitle(panels[1], 'Right answers against the loss')
        ]
      }),
      table: () => ({
        columns: [
          'set', 'strategy', 'replay', 'size', 'params', 'tokens', 'loss', 'questions', 'plain',
          'by_byte'
        ],
        rows: rows.map(
            (r) =>
                [r.set, r.strategy, r.replay, r.size, r.params, r.tokens, r.loss, r.questions,
                 r.plain, r.by_byte])
      }),
    };
  }

  // Accuracy relative to the best share of replay (Fig. 6), of the largest models.
  function scoresPart(context) {
    const rows = known(context),
          relative = rows.filter((row) => isNumber(row.relative) && row.largest);
    if (!rows.length) return fill('scores-table');
    const ratios = [...new Set(relative.map((row) => row.replay))].sort((a, b) => a - b);
    const lines = [...new Set(relative.map((row) => `${row.set}, ${row.strategy}`))];
    fill(
        'scores-table', element('p', {class: 'statement'}, context.data.scores.sentence || ''),
        lines.length ?
            [
              element('h3', {}, 'By share of replay, relative to the best'),
              tableOf(
                  'Accuracy by share of replay',
                  ['Set and strategy', ...ratios.map((r) => (r ? percent(r) : 'none'))],
                  lines.map((line) => [line, ...ratios.map((ratio) => {
                              const row = relative.find(
                                  (r) => `${r.set}, ${r.strategy}` === line && r.replay === ratio);
                              return row ? {text: digits(row.relative), title: row.relative} : null;
                            })]))
            ] :
            [],
        small(
            'Zero-shot, by the likelihood a byte of each choice; bars are 95 % binomial intervals.'));
  }

  crosslaw.drawing.figure('scores', build);
  crosslaw.parts.push(scoresPart);
})();
