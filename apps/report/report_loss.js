// Loss against compute: all sizes at once, and one size with what continuing saved at equal loss.
(() => {
  'use strict';
  const {element, fill, isNumber, count, power, whole, loss, percent, plain} = crosslaw.format;
  const charts = crosslaw.charts;
  const shown = {scratch: true, continued: true, source: false};
  let chosen = null;  // name of the size on the right; the largest at first

  const kinds = ['source', 'scratch', 'continued'];
  const strategyOf = (context, kind) =>
      kind === 'source' ? context.sourceStrategy : context.pair[kind];
  // The runs of one strategy; of the continued one those with the pair's share of replay.
  const isOf = (context, kind) => (entry) => entry.strategy === strategyOf(context, kind) &&
      (kind !== 'continued' || (entry.replay || 0) === (context.pair.replay || 0));

  function pointText(curve, point, family) {
    return `<b>${plain(curve.size)}</b>, ${whole(curve.params)} parameters, ${family}` +
        `<br><b>${loss(point.loss, 4)}</b> nats per token${point.end ? ', end of schedule' : ''}` +
        `<br>${whole(point.tokens)} tokens · ${power(point.flops, 4)} FLOPs` +
        (isNumber(curve.seed) ? `<br>seed ${curve.seed}` : '');
  }
  function curvesOf(context, kind) {
    const name = strategyOf(context, kind);
    const family = {
      scratch: 'from scratch',
      continued: 'continued',
      source: 'source language'
    }[kind];
    if (!name) return [];
    return context.data.loss.curves.filter(isOf(context, kind))
        .map((curve) => ({
               ...curve,
               points:
                   curve.points.filter((p) => p.flops > 0 && p.loss > 0)
                       .map(
                           (p) =>
                               ({...p, x: p.flops, y: p.loss, text: pointText(curve, p, family)})),
             }))
        .filter((curve) => curve.points.length > 0);
  }

  function endMarks(curves, scale, kind, more = {}) {
    const ends = curves.flatMap(
        (curve) => curve.points.filter((p) => p.end).map((p) => ({...p, params: curve.params})));
    return {
      type: 'scatter',
      mode: 'markers',
      name: `ends ${kind}`,
      x: ends.map((p) => p.x),
      y: ends.map((p) => p.y),
      hovertext: ends.map((p) => p.text),
      hoverinfo: 'text',
      marker: {
        size: 4.5,
        color: ends.map((p) => scale.shadeOf(kind, p.params)),
        line: {width: 0.5, color: charts.colour('panel')}
      },
      ...more,
    };
  }

  // L = A′ · C^−γ, or with the floor E′ in front.
  const frontierLaw = (front) =>
      `L = ${isNumber(front.floor) ? `${crosslaw.format.digits(front.floor, 4)} + ` : ''}${
          crosslaw.format.digits(
              front.coefficient, 4)} · C<sup>−${front.exponent.toFixed(4)}</sup>`;

  // Dotted lines through the lowest losses, named in the corner that nothing can reach.
  function frontierLines(context) {
    const traces = [], annotations = [];
    for (const kind of ['scratch', 'continued']) {
      const front = shown[kind] && context.data.loss.frontiers.find(isOf(context, kind));
      if (!front || !isNumber(front.coefficient) || !isNumber(front.exponent)) continue;
      const law = frontierLaw(front);
      const name = kind === 'scratch' ? 'from scratch' : 'continued';
      const line = {
        type: 'scatter',
        mode: 'lines',
        x: front.line.map((p) => p.flops),
        y: front.line.map((p) => p.loss),
      };
      // On a pale bed, or the dots would drown in the crowd of runs.
      const bed = charts.faint(charts.colour('panel'), 0.75);
      traces.push({...line, name: 'bed', hoverinfo: 'skip', line: {color: bed, width: 6}}, {
        ...line,
        name: `frontier ${kind}`,
        hoverinfo: 'text',
        hovertext: `Frontier, ${name}<br>${law}`,
        line: {color: charts.colour(`${kind}-large`), width: 2.6, dash: 'dot'}
      });
      annotations.push({
        text: context.narrow ? law : `frontier ${name}: ${law}`,
        xref: 'x domain',
        yref: 'y domain',
        x: 0,
        y: 0,
        xanchor: 'left',
        yanchor: 'bottom',
        xshift: 8,
        yshift: 6 + 18 * (kind === 'scratch'),
        showarrow: false,
        font: charts.font(12, kind),
        bgcolor: charts.faint(charts.colour('panel'), 0.8)
      });
    }
    return {traces, annotations};
  }

  // At each end of the continued model: how far scratch has to go for the same loss.
  function savingArrows(context, size) {
    const rows = context.pair.savings.filter(
        (row) => row.size === size.name && row.flops > 0 && row.scratch_flops > 0);
    const traces = [], annotations = [];
    for (const row of rows) {
      const ends = [row.flops, row.scratch_flops];
      const words = !isNumber(row.saved_fraction) ? '' :
          row.saved_fraction >= 0                 ? `${percent(row.saved_fraction, 0)} saved` :
                                                    `${percent(-row.saved_fraction, 0)} more`;
      traces.push({
        type: 'scatter',
        mode: 'lines+markers',
        name: 'saving',
        x: ends,
        y: [row.loss, row.loss],
        xaxis: 'x2',
        yaxis: 'y2',
        hoverinfo: 'text',
        hovertext: `${whole(row.tokens)} tokens continued equal ${
                       whole(row.scratch_tokens)} from scratch` +
            `${row.extrapolated ? '<br>beyond the measured scratch losses: extrapolated' : ''}`,
        line: {color: charts.colour('ink'), width: 1.4, dash: row.extrapolated ? 'dot' : 'solid'},
        marker: {size: 7, symbol: ['circle', 'line-ns-open'], color: charts.colour('ink')}
      });
      annotations.push({
        text: words,
        x: Math.log10(Math.min(...ends)),
        y: Math.log10(row.loss),
        xref: 'x2',
        yref: 'y2',
        xanchor: 'right',
        xshift: -7,
        showarrow: false,
        font: charts.font(12, 'ink'),
        bgcolor: charts.faint(charts.colour('panel'), 0.75)
      });
    }
    return {traces, annotations};
  }

  // From the lowest loss up to where nearly all lines have come down from their random start.
  function lossRange(curves) {
    const all = curves.flatMap((c) => c.points.map((p) => p.loss))
                    .filter((y) => y > 0)
                    .sort((a, b) => a - b);
    if (!all.length) return null;
    const top = Math.max(all[Math.floor(0.9 * (all.length - 1))] * 1.03, all[0] * 1.05);
    return [Math.log10(all[0] * 0.965), Math.log10(top)];
  }

  // The late part of one size, where the ends are compared; all of it while nothing has ended.
  function lateWindow(curves, reached) {
    const points = curves.flatMap((curve) => curve.points),
          ends = points.filter((p) => p.end).map((p) => p.x);
    const from = ends.length ? Math.min(...ends) / 12 : 0;
    const late = points.filter((p) => p.x >= from);
    return {
      x: [...(from ? [from] : []), ...late.map((p) => p.x), ...reached],
      y: late.map((p) => p.y)
    };
  }

  function oneSize(context, families, sizes) {
    const size = sizes.find((s) => s.name === chosen) || sizes[sizes.length - 1];
    const traces = [], kept = {};
    for (const kind of ['scratch', 'continued']) {
      kept[kind] = families[kind].filter((curve) => curve.size === size.name);
      const line = {color: charts.colour(kind), width: 2.2};
      traces.push(
          ...charts.shadedLines(kept[kind], context.scale, kind, {line, xaxis: 'x2', yaxis: 'y2'}));
      traces.push(endMarks(
          kept[kind], context.scale, kind,
          {xaxis: 'x2', yaxis: 'y2', marker: {size: 7, color: charts.colour(kind)}}));
      // The same size, picked out of the crowd on the left.
      if (shown[kind])
        traces.push(
            ...charts.shadedLines(kept[kind], context.scale, kind, {line: {...line, width: 3}}));
    }
    const arrows = savingArrows(context, size);
    const all = [...kept.scratch, ...kept.continued];
    return {
      size,
      kept,
      traces: [...traces, ...arrows.traces],
      annotations: arrows.annotations,
      window: lateWindow(all, arrows.traces.flatMap((trace) => trace.x))
    };
  }

  function build(context) {
    const families = Object.fromEntries(kinds.map((kind) => [kind, curvesOf(context, kind)]));
    drawChips(context, families);
    const drawn = kinds.filter((kind) => shown[kind]).flatMap((kind) => families[kind]);
    drawSlider(context, families);
    if (!kinds.some((kind) => families[kind].length)) {
      return {
        missing:
            'No validation loss has been recorded yet. The lines appear as soon as the first runs report.'
      };
    }
    if (!drawn.length)
      return {missing: 'All strategies with losses are hidden. Switch one on above.'};
    const sizes = sizesOf([...families.scratch, ...families.continued]);
    const side = sizes.length ? oneSize(context, families, sizes) : null;
    const panels = charts.panels(context, side ? [1.75, 1] : [1]);
    const lines = kinds.filter((kind) => shown[kind])
                      .flatMap(
                          (kind) =>
                              [...charts.shadedLines(families[kind], context.scale, kind),
                               endMarks(families[kind], context.scale, kind)]);
    const fronts = frontierLines(context);
    const computeTitle = `compute C, ${context.data.loss.compute || 'FLOPs'}`;
    const axes = {
      xaxis: charts.axis(
          {type: 'power', over: flopsOf(drawn), title: computeTitle, domain: panels[0].x}),
      yaxis: charts.axis({type: 'log', range: lossRange(drawn), domain: panels[0].y, nticks: 8}),
    };
    const titles = [charts.panelTitle(panels[0], 'Validation loss, nats per token')];
    if (side) {
      axes.xaxis2 = charts.axis({
        type: 'power',
        over: side.window.x,
        title: computeTitle,
        domain: panels[1].x,
        anchor: 'y2'
      });
      axes.yaxis2 = charts.axis(
          {type: 'log', over: side.window.y, domain: panels[1].y, anchor: 'x2', nticks: 8});
      titles.push(charts.panelTitle(
          panels[1], `${plain(side.size.name)}: ${count(side.size.params)} parameters`));
    }
    return {
      traces: [...lines, ...fronts.traces, ...(side ? side.traces : [])],
      height: charts.height(context, side ? 2 : 1),
      layout: charts.layout(context, {
        ...axes,
        annotations: [...titles, ...fronts.annotations, ...(side ? side.annotations : [])]
      }),
      table: () => table(drawn),
    };
  }

  const flopsOf = (curves) => curves.flatMap((curve) => curve.points.map((p) => p.x));
  function table(curves) {
    const columns =
        ['strategy', 'size', 'params', 'seed', 'tokens', 'flops', 'loss', 'end_of_schedule'];
    return {
      columns,
      rows: curves.flatMap(
          (c) => c.points.map(
              (p) =>
                  [c.strategy, c.size, c.params, c.seed, p.tokens, p.flops, p.loss,
                   Boolean(p.end)]))
    };
  }
  function sizesOf(curves) {
    const found = new Map(curves.map((curve) => [curve.size, curve.params]));
    return [...found].map(([name, params]) => ({name, params})).sort((a, b) => a.params - b.params);
  }

  function drawChips(context, families) {
    const label = {
      scratch: `${context.targetName} from scratch`,
      continued: `${context.targetName} continued from ${context.sourceName}`,
      source: `${context.sourceName} (source)`,
    };
    fill(
        'loss-chips',
        ['scratch', 'continued', 'source']
            .filter((kind) => families[kind].length)
            .map(
                (kind) => element(
                    'button', {
                      type: 'button',
                      class: 'chip',
                      'aria-pressed': String(shown[kind]),
                      onclick: () => {
                        shown[kind] = !shown[kind];
                        crosslaw.drawing.redraw('loss', context);
                      }
                    },
                    element('span', {class: `swatch ${kind}`}), label[kind])));
    const legend = charts.sizeLegend('neutral', context.scale);
    if (legend.length)
      document.getElementById('loss-chips').append(element('span', {class: 'legend'}, ...legend));
  }

  function drawSlider(context, families) {
    const sizes = sizesOf([...families.scratch, ...families.continued]);
    const slider = document.getElementById('loss-size');
    slider.closest('.controls').hidden = sizes.length < 2;
    if (!sizes.length) return;
    const at = sizes.findIndex((size) => size.name === chosen);
    slider.max = String(sizes.length - 1);
    slider.value = String(at < 0 ? sizes.length - 1 : at);
    const name = (size) => `${size.name}, ${count(size.params)} parameters`;
    document.getElementById('loss-size-name').textContent = name(sizes[Number(slider.value)]);
    let waiting = false;
    slider.oninput = () => {
      chosen = sizes[Number(slider.value)].name;
      document.getElementById('loss-size-name').textContent = name(sizes[Number(slider.value)]);
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        crosslaw.drawing.redraw('loss', context);
      });
    };
  }

  function source(context) {
    const curves = context.data.loss.curves;
    const points = curves.reduce((sum, curve) => sum + curve.points.length, 0);
    const fronts = ['scratch', 'continued']
                       .map((kind) => [kind, context.data.loss.frontiers.find(isOf(context, kind))])
                       .filter(([, front]) => front);
    const distances = fronts.map(
        ([kind, front]) => `${front.lowest.length} ${
            kind === 'scratch' ?
                'from scratch' :
                'of continued models'}, ${percent(front.mean_distance, 2)} from them on average${
            isNumber(front.floor) ? ', levelling off at E′' : ''}`);
    return `${whole(curves.length)} curves, ${
               whole(points)} losses on fixed held-out text; dots mark the end of a schedule. ` +
        (fronts.length ?
             `Dotted: a power law through the lowest losses at each compute, with a constant where the losses show one (${
                 distances.join('; ')}). ` :
             'No frontier was fitted. ') +
        (context.pair.savings.length ?
             'The second panel shows, at the loss where the continued model ended, the way to the scratch curve; dotted where it had to be extrapolated.' :
             '');
  }

  crosslaw.drawing.figure('loss', build);
  crosslaw.sources = {...(crosslaw.sources || {}), loss: source};
})();
