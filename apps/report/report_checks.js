// Two checks on the result: the residuals of the fits, and what the models forgot of their source
// language.
(() => {
  'use strict';
  const {fill, isNumber, whole, loss, percent, interval, language, plain} = crosslaw.format;
  const charts = crosslaw.charts;

  function residualTrace(rows, kind, key, axes) {
    return {
      type: 'scatter',
      mode: 'markers',
      name: key,
      ...axes,
      x: rows.map((row) => row[key]),
      y: rows.map((row) => row.residual),
      marker: {
        size: 6,
        color: charts.faint(charts.colour(kind), 0.55),
        line: {width: 0.8, color: charts.colour(kind)}
      },
      hoverinfo: 'text',
      hovertext: rows.map(
          (row) => `<b>${plain(row.size)}</b>, ${plain(row.strategy)}<br>${
                       percent(row.residual, 2)}: observed ${loss(row.observed, 4)}, ` +
              `predicted ${loss(row.predicted, 4)}<br>${whole(row.params)} parameters · ${
                       whole(row.tokens)} tokens`)
    };
  }

  function buildResiduals(context) {
    const rows = context.pair.residuals.rows.filter((row) => isNumber(row.residual));
    if (!rows.length)
      return context.compared ? {missing: 'No residuals yet: they need a fitted law.'} :
                                {unrun: 'no language has runs to fit laws to'};
    const panels = charts.panels(context);
    const families = [
      ['scratch', rows.filter((r) => r.strategy === context.pair.scratch)],
      ['continued', rows.filter((r) => r.strategy !== context.pair.scratch)]
    ];
    const reach = Math.max(...rows.map((row) => Math.abs(row.residual))) * 1.12;
    const vertical =
        {tickformat: '+.1%', zeroline: true, zerolinewidth: 1.5, range: [-reach, reach]};
    return {
      traces: families.flatMap(
          ([kind, group]) =>
              [residualTrace(group, kind, 'params', {xaxis: 'x', yaxis: 'y'}),
               residualTrace(group, kind, 'tokens', {xaxis: 'x2', yaxis: 'y2'})]),
      height: context.narrow ? 600 : 380,
      layout: charts.layout(context, {
        xaxis: charts.axis({
          type: 'count',
          over: rows.map((r) => r.params),
          title: 'parameters',
          domain: panels[0].x
        }),
        yaxis: charts.axis({...vertical, domain: panels[0].y}),
        xaxis2: charts.axis({
          type: 'count',
          over: rows.map((r) => r.tokens),
          title: 'target-language tokens',
          domain: panels[1].x,
          anchor: 'y2'
        }),
        yaxis2: charts.axis({...vertical, domain: panels[1].y, anchor: 'x2', matches: 'y'}),
        annotations: [
          charts.panelTitle(panels[0], 'Residual against model size'),
          charts.panelTitle(panels[1], 'Residual against tokens')
        ],
      }),
      table: () => ({
        columns: ['strategy', 'size', 'params', 'tokens', 'observed', 'predicted', 'residual'],
        rows: rows.map(
            (r) => [r.strategy, r.size, r.params, r.tokens, r.observed, r.predicted, r.residual])
      }),
    };
  }
  function residualSource(context) {
    const rows = context.pair.residuals.rows.filter((row) => isNumber(row.residual));
    if (!rows.length) return '';
    const words = context.pair.residuals.spread.map(
        ({strategy, points, rms}) => `${whole(points)} runs ${
            strategy === context.pair.scratch ? 'from scratch' :
                                                'continued'}, rms ${percent(rms, 2)}`);
    return `${
        words.join('; ')}. Orange: scratch, blue: continued. Each strategy against its own law.`;
  }

  const forgettingOf = (context) => context.pair.forgetting.models.filter(
      (entry) => isNumber(entry.start_loss) || entry.points.some((p) => isNumber(p.loss)));

  // A line a model: from its start through the losses of its runs. Where a trunk was evaluated,
  // ends of schedules hang off it; where only ends were, they follow each other.
  function forgettingLines(context, entries, start) {
    const text = (entry, p) =>
        `<b>${plain(entry.size)}</b>, ${whole(entry.params)} parameters, ${plain(entry.strategy)}` +
        `<br><b>${loss(p.loss, 4)}</b> nats in ${plain(language(entry.language))}<br>${
            p.tokens > 0 ? `after ${whole(p.tokens)} tokens` : 'before continuing'}`;
    const curves = entries.map((entry) => {
      const trunk = entry.points.some((p) => !p.end);
      const points = [
        {tokens: null, loss: entry.start_loss, end: false},
        ...entry.points.map((p) => ({...p, end: trunk && p.end}))
      ].filter((p) => isNumber(p.loss));
      return {
        params: entry.params,
        points: points.map(
            (p) =>
                ({x: p.tokens > 0 ? p.tokens : start, y: p.loss, end: p.end, text: text(entry, p)}))
      };
    });
    return charts.shadedLines(
        curves, context.scale, 'source', {mode: 'lines+markers', marker: {size: 4}});
  }

  // Labels of tokens alone: "start" stands where the axis has no number.
  function tokensAfter(start, axis) {
    const kept = (axis.tickvals || []).map((value) => value > start * 1.5);
    return {
      ...axis,
      ...(axis.tickvals ? {
        tickvals: axis.tickvals.filter((_, i) => kept[i]),
        ticktext: axis.ticktext.filter((_, i) => kept[i])
      } :
                          {})
    };
  }

  function buildForgetting(context) {
    const entries = forgettingOf(context);
    fill('forgetting-legend', entries.length ? charts.sizeLegend('source', context.scale) : []);
    if (!entries.length) {
      return {
        unrun: context.pair.continued ? 'no continued run has a loss on its source language' :
                                        'nothing was continued'
      };
    }
    const positive =
        entries.flatMap((entry) => entry.points).filter((p) => p.tokens > 0).map((p) => p.tokens);
    // Zero tokens have no place on a log axis: the start stands left of the first measurement.
    const start = (positive.length ? positive.reduce((a, b) => Math.min(a, b)) : 2) / 2;
    const startName = {
      text: 'start',
      x: Math.log10(start),
      y: 0,
      yref: 'paper',
      yanchor: 'bottom',
      showarrow: false,
      font: charts.font(11)
    };
    const title = charts.panelTitle(
        {x: [0, 1], y: [0, 1]}, `${plain(language(entries[0].language))} loss, nats per token`);
    return {
      traces: forgettingLines(context, entries, start),
      height: charts.height(context, 1),
      layout: charts.layout(context, {
        xaxis: tokensAfter(
            start,
            charts.axis(
                {type: 'count', over: [start, ...positive], title: 'target-language tokens'})),
        yaxis: charts.axis({nticks: 8}),
        annotations: entries.some((entry) => isNumber(entry.start_loss)) ? [title, startName] :
                                                                           [title],
      }),
      table: () => ({
        columns: ['strategy', 'language', 'size', 'params', 'seed', 'start_loss', 'tokens', 'loss'],
        rows: entries.flatMap(
            (e) => e.points.map(
                (p) =>
                    [e.strategy, e.language, e.size, e.params, e.seed, e.start_loss, p.tokens,
                     p.loss]))
      }),
    };
  }
  function forgettingSource(context) {
    const entries = forgettingOf(context);
    if (!entries.length) return '';
    const rise = context.pair.forgetting.rise;
    const signed = (x) => `${x > 0 ? '+' : ''}${loss(x, 2)}`;
    const words = rise && isNumber(rise.mean) ?
        ` From the source model to the end of a schedule the loss changed by ${
            signed(rise.least)} to ${signed(rise.most)} nats, ${
            signed(rise.mean)} on average over ${whole(rise.ends)} runs.` :
        ' The loss of the source models is not known, so no rise can be stated.';
    const growth = context.pair.forgetting.growth;
    const exponent = (name) => `${loss(growth[`${name}_exponent`], 2)} ${
                                   interval(growth[`${name}_exponent_ci95`], (x) => loss(x, 2))}`
                                   .trim();
    const by = growth && isNumber(growth.params_exponent) ?
        ` By size and tokens the rise goes as N to the power ${
            exponent(
                'params')} and D to the power ${exponent('tokens')} (${whole(growth.ends)} ends).` :
        '';
    return `${whole(entries.length)} models continued from ${plain(context.sourceName)} on ${
        plain(context.targetName)}.${words}${by}`;
  }

  crosslaw.drawing.figure('residuals', buildResiduals);
  crosslaw.drawing.figure('forgetting', buildForgetting);
  crosslaw.sources.residuals = residualSource;
  crosslaw.sources.forgetting = forgettingSource;
})();
