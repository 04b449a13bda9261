// Two checks on the result: the residuals of the fits, and what the models forgot of their source
// language.
(() => {
  'use strict';
  const {fill, isNumber, whole, loss, percent, language, plain} = crosslaw.format;
  const charts = crosslaw.charts;

  const relative = (row) => row.observed / row.predicted - 1;

  function residualTrace(rows, kind, key, axes) {
    return {
      type: 'scatter',
      mode: 'markers',
      ...axes,
      x: rows.map((row) => row[key]),
      y: rows.map(relative),
      marker: {
        size: 6,
        color: charts.faint(charts.colour(kind), 0.55),
        line: {width: 0.8, color: charts.colour(kind)}
      },
      hoverinfo: 'text',
      hovertext: rows.map(
          (row) => `<b>${plain(row.size)}</b>, ${plain(row.strategy)}<br>${
                       percent(relative(row), 2)}: observed ${loss(row.observed, 4)}, ` +
              `predicted ${loss(row.predicted, 4)}<br>${whole(row.params)} parameters · ${
                       whole(row.tokens)} tokens`)
    };
  }

  function buildResiduals(context) {
    const rows = context.pair.residuals.filter((row) => row.observed > 0 && row.predicted > 0);
    if (!rows.length) return {missing: 'No residuals yet: they need a fitted law.'};
    const panels = charts.panels(context);
    const families = [
      ['scratch', rows.filter((r) => r.strategy === context.pair.scratch)],
      ['continued', rows.filter((r) => r.strategy !== context.pair.scratch)]
    ];
    const reach = Math.max(...rows.map((row) => Math.abs(relative(row)))) * 1.12;
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
        columns: ['strategy', 'size', 'params', 'tokens', 'observed', 'predicted'],
        rows: rows.map((r) => [r.strategy, r.size, r.params, r.tokens, r.observed, r.predicted])
      }),
    };
  }
  function residualSource(context) {
    const rows = context.pair.residuals.filter((row) => row.observed > 0 && row.predicted > 0);
    if (!rows.length) return '';
    const rms = (kept) =>
        percent(Math.sqrt(kept.reduce((sum, row) => sum + relative(row) ** 2, 0) / kept.length), 2);
    const words =
        [[context.pair.scratch, 'from scratch'], [context.pair.continued, 'continued']]
            .map(([name, said]) => {
              const kept = rows.filter((row) => row.strategy === name);
              return kept.length ? `${whole(kept.length)} runs ${said}, rms ${rms(kept)}` : '';
            })
            .filter(Boolean);
    return `${
        words.join('; ')}. Orange: scratch, blue: continued. Each strategy against its own law.`;
  }

  // Strategies that continue on this page's language, with the losses on another.
  function forgettingOf(context) {
    const languages =
        new Map(context.data.strategies.map((strategy) => [strategy.name, strategy.language]));
    const mine = (entry) => !context.pair.language || entry.strategy === context.pair.continued ||
        languages.get(entry.strategy) === context.pair.language;
    return context.data.forgetting.filter(mine)
        .map((entry) => ({...entry, points: entry.points.filter((p) => isNumber(p.loss))}))
        .filter((entry) => entry.points.length > 0);
  }

  const dashes = ['solid', 'dash', 'dot', 'dashdot'];
  function forgettingLines(context, entries, start) {
    const text = (entry, p) =>
        `<b>${plain(entry.size)}</b>, ${whole(entry.params)} parameters, ${plain(entry.strategy)}` +
        `<br><b>${loss(p.loss, 4)}</b> nats in ${plain(language(entry.language))}<br>${
            p.tokens > 0 ? `after ${whole(p.tokens)} tokens` : 'before continuing'}`;
    const curve = (entry) => ({
      params: entry.params,
      points: entry.points.map(
          (p) => ({x: p.tokens > 0 ? p.tokens : start, y: p.loss, text: text(entry, p)}))
    });
    return [...new Set(entries.map((entry) => entry.strategy))].flatMap((name, i) => {
      const curves = entries.filter((entry) => entry.strategy === name).map(curve);
      return charts
          .shadedLines(curves, context.scale, 'source', {mode: 'lines+markers', marker: {size: 4}})
          .map((trace) => ({...trace, line: {...trace.line, dash: dashes[i % dashes.length]}}));
    });
  }

  function buildForgetting(context) {
    const entries = forgettingOf(context);
    fill('forgetting-legend', entries.length ? charts.sizeLegend('source', context.scale) : []);
    if (!entries.length) {
      return {
        missing:
            'Nothing recorded: no continued run was evaluated on its source language. Set an evaluation on the source language in the spec to see forgetting.'
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
        xaxis: charts.axis(
            {type: 'count', over: [start, ...positive], title: 'target-language tokens'}),
        yaxis: charts.axis({nticks: 8}),
        annotations: entries.some((entry) => entry.points.some((p) => !(p.tokens > 0))) ?
            [title, startName] :
            [title],
      }),
      table: () => ({
        columns: ['strategy', 'language', 'size', 'params', 'tokens', 'flops', 'loss'],
        rows: entries.flatMap(
            (e) => e.points.map(
                (p) => [e.strategy, e.language, e.size, e.params, p.tokens, p.flops, p.loss]))
      }),
    };
  }
  function forgettingSource(context) {
    const entries = forgettingOf(context);
    if (!entries.length) return '';
    const rises =
        entries.map((entry) => entry.points[entry.points.length - 1].loss - entry.points[0].loss)
            .filter(isNumber);
    const names = [...new Set(entries.map((entry) => entry.strategy))];
    const range = rises.length ?
        ` From first to last point the loss changed by ${loss(Math.min(...rises), 2)} to ${
            loss(Math.max(...rises), 2)} nats.` :
        '';
    return `${whole(entries.length)} models of ${names.join(', ')}.${range}` +
        (names.length > 1 ?
             ` Line styles tell the strategies apart, in this order: solid, dashed, dotted.` :
             '');
  }

  charts.figure('residuals', buildResiduals);
  charts.figure('forgetting', buildForgetting);
  crosslaw.sources.residuals = residualSource;
  crosslaw.sources.forgetting = forgettingSource;
})();
