// What continuing was worth: FLOPs saved at equal loss, and the tokens effectively transferred.
(() => {
  'use strict';
  const {element, fill, isNumber, count, whole, loss, percent, plain} = crosslaw.format;
  const charts = crosslaw.charts;
  let perParameter = false;

  const across = (row) => (perParameter ? row.tokens_per_param : row.tokens);

  function measuredText(row) {
    return `<b>${plain(row.size)}</b>, ${whole(row.params)} parameters` +
        `<br><b>${percent(row.saved_fraction, 1)}</b> of the FLOPs saved at ${
               loss(row.loss, 4)} nats` +
        `<br>${whole(row.tokens)} tokens continued = ${whole(row.scratch_tokens)} from scratch` +
        `<br>${whole(row.transferred_tokens)} tokens transferred` +
        (row.extrapolated ? '<br>beyond the measured scratch losses: extrapolated' : '');
  }

  // From a value to the ends of its interval; none where the noise is not known.
  function bars(rows, key, shades) {
    const ends = (row) => row[`${key}_ci95`];
    if (!rows.some(ends)) return {};
    return {
      error_y: {
        type: 'data',
        symmetric: false,
        array: rows.map((row) => (ends(row) ? ends(row)[1] - row[key] : 0)),
        arrayminus: rows.map((row) => (ends(row) ? row[key] - ends(row)[0] : 0)),
        width: 0,
        thickness: 0.8,
        color: shades[Math.floor(shades.length / 2)]
      }
    };
  }

  function panelTraces(context, rows, key, axes) {
    const curves = new Map();
    for (const row of rows) {
      if (!curves.has(row.size)) curves.set(row.size, {params: row.params, points: []});
      curves.get(row.size).points.push({x: across(row), y: row[key], text: measuredText(row)});
    }
    for (const curve of curves.values()) curve.points.sort((a, b) => a.x - b.x);
    const lines = charts.shadedLines(
        [...curves.values()], context.scale, 'continued',
        {...axes, opacity: 0.35, hoverinfo: 'skip'});
    const shades = rows.map((row) => context.scale.shadeOf('continued', row.params));
    const marks = {
      type: 'scatter',
      mode: 'markers',
      name: key,
      ...axes,
      x: rows.map(across),
      y: rows.map((row) => row[key]),
      hovertext: rows.map(measuredText),
      hoverinfo: 'text',
      ...bars(rows, key, shades),
      marker: {
        size: 8,
        symbol: 'circle',
        color: rows.map((row, i) => (row.extrapolated ? charts.colour('panel') : shades[i])),
        line: {width: 1.6, color: shades}
      }
    };
    return [...lines, marks];
  }

  // The same from the fitted laws: a dashed line with its interval for some sizes.
  function lawTraces(rows, key, axes) {
    const share = key === 'saved_fraction', ends = share ? 'ci95' : `${key}_ci95`;
    const words = (v) => (share ? percent(v, 1) : whole(v));
    const sizes = [...new Set(rows.map((row) => row.params))].sort((a, b) => a - b);
    return sizes.flatMap((params) => {
      const line = rows.filter((row) => row.params === params && isNumber(row[key]))
                       .sort((a, b) => a.tokens - b.tokens);
      const band =
          line.filter((row) => row[ends] && isNumber(row[ends][0]) && isNumber(row[ends][1]));
      const x = band.map(across), ink = charts.colour('ink');
      return [
        {
          type: 'scatter',
          mode: 'lines',
          ...axes,
          x: [...x, ...x.slice().reverse()],
          y: [...band.map((row) => row[ends][0]), ...band.map((row) => row[ends][1]).reverse()],
          fill: 'toself',
          fillcolor: charts.faint(ink, 0.07),
          line: {width: 0},
          hoverinfo: 'skip'
        },
        {
          type: 'scatter',
          mode: 'lines',
          name: share ? 'law' : 'law transferred',
          ...axes,
          x: line.map(across),
          y: line.map((row) => row[key]),
          hoverinfo: 'text',
          hovertext: line.map(
              (row) => `fitted laws, ${whole(row.params)} parameters<br><b>${words(row[key])}</b> ${
                           share ? 'saved' : 'tokens transferred'} at ` +
                  `${whole(row.tokens)} tokens<br>${crosslaw.format.interval(row[ends], words)}`),
          line: {color: ink, width: 1.3, dash: 'dash'}
        },
      ];
    });
  }
  function lawNames(rows, panel) {
    const sizes = [...new Set(rows.map((row) => row.params))];
    return sizes
        .map((params) => {
          const first = rows.filter((row) => row.params === params && isNumber(row.saved_fraction))
                            .sort((a, b) => a.tokens - b.tokens)[0];
          return first && {
            text: `law, ${count(params, 2)}`,
            x: Math.log10(across(first)),
            y: first.saved_fraction,
            xref: panel.x,
            yref: panel.y,
            xanchor: 'left',
            yanchor: 'bottom',
            yshift: 12,
            showarrow: false,
            font: charts.font(11)
          };
        })
        .filter(Boolean);
  }

  // A symmetric view on a signed quantity would waste half the plot; a log axis needs all positive.
  function transferredAxis(rows, more) {
    const positive =
        rows.every((row) => !isNumber(row.transferred_tokens) || row.transferred_tokens > 0);
    return charts.axis({
      ...(positive ? {type: 'count', over: rows.map((row) => row.transferred_tokens)} : {}),
      zeroline: !positive,
      ...more
    });
  }
  function belowZero(panel) {
    return {
      text: 'below zero: continuing costs more',
      xref: panel.x,
      yref: panel.y,
      x: 0,
      y: 0,
      xanchor: 'left',
      yanchor: 'top',
      xshift: 6,
      yshift: -3,
      showarrow: false,
      font: charts.font(11)
    };
  }

  function build(context) {
    drawControls(context);
    const pair = context.pair,
          rows = pair.savings.filter((row) => isNumber(row.saved_fraction) && row.tokens > 0);
    const law = pair.savings_law.filter((row) => row.tokens > 0);
    if (!rows.length && !law.length) {
      if (!context.compared || !pair.continued)
        return {unrun: 'no language is trained both from scratch and continued'};
      return {
        missing:
            'No saving is known yet: it takes finished runs of the same size both from scratch and continued.'
      };
    }
    const panels = charts.panels(context);
    const title = perParameter ? 'target-language tokens per parameter' : 'target-language tokens';
    const [first, second] = [{xaxis: 'x', yaxis: 'y'}, {xaxis: 'x2', yaxis: 'y2'}];
    const negative = rows.some((row) => row.saved_fraction < 0);
    return {
      traces: [
        ...lawTraces(law, 'saved_fraction', first), ...lawTraces(law, 'transferred_tokens', second),
        ...panelTraces(context, rows, 'saved_fraction', first),
        ...panelTraces(
            context, rows.filter((row) => isNumber(row.transferred_tokens)), 'transferred_tokens',
            second)
      ],
      height: charts.height(context),
      layout: charts.layout(context, {
        xaxis: charts.axis(
            {type: 'count', over: [...rows, ...law].map(across), title, domain: panels[0].x}),
        yaxis: charts.axis(
            {tickformat: '.0%', zeroline: true, zerolinewidth: 1.5, domain: panels[0].y}),
        xaxis2: charts.axis(
            {type: 'count', over: rows.map(across), title, domain: panels[1].x, anchor: 'y2'}),
        yaxis2: transferredAxis(rows, {domain: panels[1].y, anchor: 'x2'}),
        annotations: [
          charts.panelTitle(panels[0], 'FLOPs saved at equal loss'),
          charts.panelTitle(panels[1], 'Tokens effectively transferred'),
          ...lawNames(law, {x: 'x', y: 'y'}),
          ...(negative ? [belowZero({x: 'x domain', y: 'y'})] : [])
        ],
      }),
      table: () => ({
        columns: [
          'size', 'params', 'tokens', 'flops', 'loss', 'scratch_tokens', 'scratch_flops',
          'saved_fraction', 'transferred_tokens', 'extrapolated'
        ],
        rows: rows.map(
            (r) =>
                [r.size, r.params, r.tokens, r.flops, r.loss, r.scratch_tokens, r.scratch_flops,
                 r.saved_fraction, r.transferred_tokens, Boolean(r.extrapolated)])
      }),
    };
  }

  function drawControls(context) {
    const choice = (label, value) => element(
        'button', {
          type: 'button',
          class: 'chip',
          'aria-pressed': String(perParameter === value),
          onclick: () => {
            perParameter = value;
            crosslaw.drawing.redraw('savings', context);
          }
        },
        label);
    fill(
        'savings-axis', choice('against tokens', false),
        choice('against tokens per parameter', true));
    fill(
        'savings-legend', charts.sizeLegend('continued', context.scale),
        element(
            'span', {class: 'keys'}, element('span', {class: 'dot filled'}), ' measured ',
            element('span', {class: 'dot hollow'}), ' extrapolated'));
  }

  function source(context) {
    const rows = context.pair.savings, beyond = rows.filter((row) => row.extrapolated).length;
    if (!rows.length) return '';
    return `${
               whole(
                   rows.length)} ends of continued runs, each compared with the losses of the scratch runs of the same size, interpolated in log tokens and log loss; ` +
        `${whole(beyond)} of them lie beyond the last scratch loss and are hollow. ` +
        (context.pair.savings_law.length ?
             'Bars and bands: 95 % intervals; dashed: the same from the fitted laws. ' :
             '') +
        'Tokens and FLOPs save alike, because the size is the same; the compute of the source model is not counted.';
  }

  crosslaw.drawing.figure('savings', build);
  crosslaw.sources.savings = source;
})();
