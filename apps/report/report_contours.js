// Iso-loss contours over compute and model size, with the efficient frontier of each strategy.
(() => {
  'use strict';
  const {isNumber, count, power, loss, whole, plain} = crosslaw.format;
  const charts = crosslaw.charts;

  const kindOf = (context, strategy) =>
      (strategy === context.pair.scratch ? 'scratch' : 'continued');
  const finite = (rows) => rows.flat().filter(isNumber);

  // Steps of 1, 2 or 5 so that about a dozen curves fit between the best loss and most of the grid.
  function levels(contours) {
    const all = contours.flatMap((contour) => finite(contour.loss)).sort((a, b) => a - b);
    const low = all[0], high = all[Math.floor(0.85 * (all.length - 1))];
    const raw = Math.max((high - low) / 14, 1e-6), base = 10 ** Math.floor(Math.log10(raw));
    const step = base * ([1, 2, 5, 10].find((k) => base * k >= raw) || 10);
    return {low, high, start: Math.ceil(low / step) * step, step};
  }

  // The convex hull, on log axes, of where finished runs stand.
  function hull(points) {
    const sorted = points.map(([c, n]) => [Math.log(c), Math.log(n)])
                       .sort((p, q) => p[0] - q[0] || p[1] - q[1]);
    const turn = (o, a, b) => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
    const chain = (list) => {
      const kept = [];
      for (const p of list) {
        while (kept.length > 1 && turn(kept[kept.length - 2], kept[kept.length - 1], p) <= 0)
          kept.pop();
        kept.push(p);
      }
      return kept.slice(0, -1);
    };
    const around = [...chain(sorted), ...chain(sorted.slice().reverse())];
    return [...around, around[0]].map(([c, n]) => [Math.exp(c), Math.exp(n)]);
  }
  // Where something was measured, as a closed line that runs against the clock; null when unknown.
  function measuredArea(context, contour) {
    const ends = context.data.curves
                     .filter((curve) => curve.strategy === contour.strategy && curve.params > 0)
                     .flatMap(
                         (curve) => curve.points.filter((p) => p.end && p.flops > 0)
                                        .map((p) => [p.flops, curve.params]));
    if (new Set(ends.map((p) => p[0])).size > 2 && new Set(ends.map((p) => p[1])).size > 1)
      return hull(ends);
    const [from, to] = contour.measured_flops || [];
    if (!isNumber(from) || !isNumber(to)) return null;
    const n = [contour.params[0], contour.params[contour.params.length - 1]];
    return [[from, n[0]], [to, n[0]], [to, n[1]], [from, n[1]], [from, n[0]]];
  }

  // A veil over the whole grid with a hole: the frame runs with the clock, the hole against it.
  function veil(contour, area, axes) {
    const x = [contour.flops[0], contour.flops[contour.flops.length - 1]],
          y = [contour.params[0], contour.params[contour.params.length - 1]];
    return [
      {
        type: 'scatter',
        mode: 'lines',
        ...axes,
        hoverinfo: 'skip',
        fill: 'toself',
        fillcolor: charts.faint(charts.colour('panel'), 0.58),
        line: {width: 0},
        x: [x[0], x[0], x[1], x[1], x[0], ...area.map((p) => p[0]), x[0]],
        y: [y[0], y[1], y[1], y[0], y[0], ...area.map((p) => p[1]), y[0]]
      },
      {
        type: 'scatter',
        mode: 'lines',
        ...axes,
        hoverinfo: 'skip',
        x: area.map((p) => p[0]),
        y: area.map((p) => p[1]),
        line: {color: charts.colour('ink'), width: 1, dash: 'dot'}
      },
    ];
  }

  function regionNames(context, contour, k) {
    const area = measuredArea(context, contour),
          note = {showarrow: false, font: charts.font(11), xref: `x${k}`, yref: `y${k}`};
    if (!area) return [];
    const corner = area.reduce(
        (best, p) => (p[1] < best[1] || (p[1] === best[1] && p[0] < best[0]) ? p : best));
    return [
      {
        ...note,
        text: 'measured',
        x: Math.log10(corner[0]),
        y: Math.log10(corner[1]),
        xanchor: 'left',
        yanchor: 'top',
        yshift: -1,
        font: charts.font(11, 'ink')
      },
      {
        ...note,
        text: 'extrapolated',
        xref: `x${k} domain`,
        yref: `y${k} domain`,
        x: 1,
        y: 0,
        xanchor: 'right',
        yanchor: 'bottom',
        xshift: -6,
        yshift: 4
      }
    ];
  }

  function surface(contour, kind, scale, axes) {
    return {
      type: 'contour',
      ...axes,
      x: contour.flops,
      y: contour.params,
      z: contour.loss,
      showscale: false,
      autocontour: false,
      zmin: scale.low,
      zmax: scale.high,
      zauto: false,
      connectgaps: false,
      colorscale: [[0, charts.colour(`${kind}-deep`)], [1, charts.colour('panel')]],
      contours: {
        start: scale.start,
        end: scale.high,
        size: scale.step,
        coloring: 'fill',
        showlabels: true,
        labelfont: charts.font(10.5, 'ink')
      },
      line: {width: 0.7, color: charts.colour('contour')},
      hoverinfo: 'text',
      hovertext: contour.loss.map(
          (row, i) => row.map(
              (z, k) => `<b>${loss(z, 4)}</b> nats predicted<br>${
                            count(contour.params[i], 4)} parameters · ` +
                  `${power(contour.flops[k], 4)} FLOPs`)),
    };
  }

  function frontierTraces(context, contour, axes, faintly) {
    const kind = kindOf(context, contour.strategy);
    const points = (contour.frontier || []).filter((p) => p.flops > 0 && p.params > 0);
    const line = {
      type: 'scatter',
      mode: 'lines',
      ...axes,
      x: points.map((p) => p.flops),
      y: points.map((p) => p.params),
      hoverinfo: 'text',
      hovertext: points.map(
          (p) => `<b>${plain(contour.strategy)}</b>: best size for ${power(p.flops, 4)} FLOPs<br>${
                     count(p.params, 4)} parameters ` +
              crosslaw.format.interval(p.params_ci95, (n) => count(n))),
      line:
          {color: charts.colour(kind), width: faintly ? 1.8 : 3.2, dash: faintly ? 'dash' : 'solid'}
    };
    if (faintly) return [line];
    const band =
        points.filter((p) => p.params_ci95 && p.params_ci95[0] > 0 && isNumber(p.params_ci95[1]));
    const x = band.map((p) => p.flops);
    return [
      {
        type: 'scatter',
        mode: 'lines',
        ...axes,
        hoverinfo: 'skip',
        fill: 'toself',
        line: {width: 0},
        fillcolor: charts.faint(charts.colour(kind), 0.2),
        x: [...x, ...x.slice().reverse()],
        y: [...band.map((p) => p.params_ci95[0]), ...band.map((p) => p.params_ci95[1]).reverse()]
      },
      line
    ];
  }

  function panelOf(context, contour, k, contours, scale) {
    const axes = {xaxis: `x${k || ''}`.replace('x1', 'x'), yaxis: `y${k || ''}`.replace('y1', 'y')};
    const area = measuredArea(context, contour);
    return [
      surface(contour, kindOf(context, contour.strategy), scale, axes),
      ...(area ? veil(contour, area, axes) : []),
      ...contours.filter((other) => other !== contour)
          .flatMap((other) => frontierTraces(context, other, axes, true)),
      ...frontierTraces(context, contour, axes, false)
    ];
  }

  function build(context) {
    const contours = context.pair.contours.filter(
        (c) => c.loss && c.loss.length > 1 && finite(c.loss).length > 1);
    if (!contours.length) {
      return {
        missing: context.compared ?
            'No contours: they need a fitted law, and the fit is missing or was refused. The section on the fitted laws says why.' :
            'No contours: they need a language trained both from scratch and continued.'
      };
    }
    const scale = levels(contours), panels = charts.panels(context, contours.map(() => 1), 0.08);
    const axes = {};
    const logRange = (list) => [Math.log10(list[0]), Math.log10(list[list.length - 1])];
    contours.forEach((contour, i) => {
      const k = i ? String(i + 1) : '';
      axes[`xaxis${k}`] = charts.axis({
        type: 'power',
        title: 'compute (FLOPs)',
        domain: panels[i].x,
        anchor: `y${k}`,
        range: logRange(contour.flops),
        showgrid: false
      });
      axes[`yaxis${k}`] = charts.axis({
        type: 'count',
        domain: panels[i].y,
        anchor: `x${k}`,
        range: logRange(contour.params),
        showgrid: false,
        ...(i ? {matches: 'y'} : {})
      });
      if (i) axes[`xaxis${k}`].matches = 'x';
    });
    return {
      traces: contours.flatMap((contour, i) => panelOf(context, contour, i + 1, contours, scale)),
      height: charts.height(context, contours.length),
      layout: charts.layout(context, {
        ...axes,
        annotations: contours
                         .map(
                             (contour, i) => charts.panelTitle(
                                 panels[i],
                                 `${context.targetName} ${
                                     kindOf(context, contour.strategy) === 'scratch' ?
                                         'from scratch' :
                                         'continued'}</b>, parameters<b>`))
                         .concat(contours.flatMap(
                             (contour, i) => regionNames(context, contour, i ? String(i + 1) : '')))
      }),
      table: () => ({
        columns: ['strategy', 'flops', 'params', 'loss'],
        rows: contours.flatMap(
            (c) => c.loss.flatMap(
                (row, i) => row.map((z, k) => [c.strategy, c.flops[k], c.params[i], z])))
      }),
    };
  }

  function source(context) {
    const contours = context.pair.contours;
    if (!contours.length) return '';
    const cells =
        contours[0].loss ? whole(contours[0].params.length * contours[0].flops.length) : '';
    return `Losses predicted by the fitted laws on a grid of ${
               cells} points; the dotted outline surrounds the finished runs. ` +
        'Both sides share their levels and axes. The dashed line repeats the other strategy\'s frontier for comparison.';
  }

  charts.figure('contours', build);
  crosslaw.sources.contours = source;
})();
