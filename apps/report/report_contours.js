// Iso-loss contours over compute and model size, with the efficient frontier of each strategy.
(() => {
  'use strict';
  const {isNumber, count, power, loss, whole, plain} = crosslaw.format;
  const charts = crosslaw.charts;

  const kindOf = (context, strategy) =>
      (strategy === context.pair.scratch ? 'scratch' : 'continued');
  const finite = (rows) => rows.flat().filter(isNumber);
  // Where something was measured, as a closed line that runs against the clock; null when unknown.
  const measuredArea = (contour) => ((contour.measured || []).length > 3 ? contour.measured : null);

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
        x: [x[0], x[0], x[1], x[1], x[0], ...area.map((p) => p.flops), x[0]],
        y: [y[0], y[1], y[1], y[0], y[0], ...area.map((p) => p.params), y[0]]
      },
      {
        type: 'scatter',
        mode: 'lines',
        ...axes,
        hoverinfo: 'skip',
        name: 'measured',
        x: area.map((p) => p.flops),
        y: area.map((p) => p.params),
        line: {color: charts.colour('ink'), width: 1, dash: 'dot'}
      },
    ];
  }

  function regionNames(contour, k) {
    const area = measuredArea(contour),
          note = {showarrow: false, font: charts.font(11), xref: `x${k}`, yref: `y${k}`};
    if (!area) return [];
    const corner = area.reduce(
        (best, p) =>
            (p.params < best.params || (p.params === best.params && p.flops < best.flops) ? p :
                                                                                            best));
    return [
      {
        ...note,
        text: 'measured',
        x: Math.log10(corner.flops),
        y: Math.log10(corner.params),
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
      name: `frontier ${kind}`,
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

  // A dotted line of equal tokens per parameter, named at its upper end.
  function ratioTrace(ratio, axes) {
    const last = ratio.line.length - 1;
    return {
      type: 'scatter',
      mode: 'lines+text',
      ...axes,
      x: ratio.line.map((p) => p.flops),
      y: ratio.line.map((p) => p.params),
      text: ratio.line.map((p, i) => (i === last ? `D/N ${ratio.tokens_per_param}` : '')),
      textposition: 'bottom left',
      textfont: charts.font(10.5, 'muted'),
      hoverinfo: 'skip',
      line: {color: charts.colour('muted'), width: 1, dash: 'dot'}
    };
  }

  function panelOf(context, contour, k, contours, scale) {
    const axes = {xaxis: `x${k || ''}`.replace('x1', 'x'), yaxis: `y${k || ''}`.replace('y1', 'y')};
    const area = measuredArea(contour);
    return [
      surface(contour, kindOf(context, contour.strategy), scale, axes),
      ...(area ? veil(contour, area, axes) : []),
      ...(contour.ratios || []).map((ratio) => ratioTrace(ratio, axes)),
      ...contours.filter((other) => other !== contour)
          .flatMap((other) => frontierTraces(context, other, axes, true)),
      ...frontierTraces(context, contour, axes, false)
    ];
  }

  function build(context) {
    const contours = context.pair.contours.surfaces.filter(
        (c) => c.loss && c.loss.length > 1 && finite(c.loss).length > 1);
    if (!contours.length) {
      if (!context.compared) return {unrun: 'no language has runs to fit laws to'};
      return {
        missing:
            'No contours: they need a fitted law, and the fit is missing or was refused. The section on the fitted laws says why.'
      };
    }
    const scale = context.pair.contours.levels,
          panels = charts.panels(context, contours.map(() => 1), 0.08);
    const axes = {};
    const logRange = (list) => [Math.log10(list[0]), Math.log10(list[list.length - 1])];
    contours.forEach((contour, i) => {
      const k = i ? String(i + 1) : '';
      axes[`xaxis${k}`] = charts.axis({
        type: 'power',
        title: `compute C, ${context.pair.contours.compute || 'FLOPs'}`,
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
                             (contour, i) => regionNames(contour, i ? String(i + 1) : '')))
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
    const contours = context.pair.contours.surfaces;
    if (!contours.length) return '';
    const cells =
        contours[0].loss ? whole(contours[0].params.length * contours[0].flops.length) : '';
    return `Losses predicted by the fitted laws on a grid of ${
               cells} points; the dotted outline surrounds the finished runs, under the same count of compute. ` +
        'Both sides share their levels and axes. The dashed line repeats the other strategy\'s frontier for comparison.';
  }

  crosslaw.drawing.figure('contours', build);
  crosslaw.sources.contours = source;
})();
