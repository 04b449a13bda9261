// The top of the page: what to do at one budget, what every pair of languages came to, and what was
// run for it.
(() => {
  'use strict';
  const {
    element,
    fill,
    isNumber,
    none,
    count,
    digits,
    loss,
    withInterval,
    power,
    whole,
    duration,
    language,
    date
  } = crosslaw.format;
  const {withLists} = crosslaw.data;

  function totals(data) {
    const t = data.totals || {};
    const outcomes =
        ['done', 'running', 'diverged', 'failed', 'pending'].filter((key) => t[key] > 0);
    const bar = element(
        'span', {
          class: 'share',
          role: 'img',
          'aria-label': outcomes.map((key) => `${t[key]} ${key}`).join(', ')
        },
        outcomes.map((key) => {
          const part = element('span', {'data-outcome': key});
          part.style.flexGrow = String(t[key]);
          return part;
        }));
    const item = (title, main, ...more) => element(
        'div', {}, element('dt', {}, title),
        element(
            'dd', {}, element('b', {}, main),
            ...more.map((text) => (typeof text === 'string' ? element('small', {}, text) : text))));
    const others =
        outcomes.filter((key) => key !== 'done').map((key) => `${whole(t[key])} ${key}`).join(', ');
    return [
      item(
          'Runs', isNumber(t.runs) ? `${whole(t.done)} of ${whole(t.runs)}` : none, bar,
          others || (t.runs ? 'all done' : '')),
      item(
          'Sizes', whole(t.sizes),
          t.params ? `${count(t.params[0])} to ${count(t.params[1])} parameters` : ''),
      item(
          'Tokens trained', count(t.tokens),
          isNumber(t.strategies) ? `${whole(t.strategies)} strategies` : ''),
      item('Compute', power(t.flops, 3), 'FLOPs'),
      item(
          'Time', duration(t.wall_seconds),
          isNumber(t.compute_seconds) ? `${duration(t.compute_seconds)} of computing` : ''),
      item('Devices', (t.devices || []).join(', ') || none),
    ];
  }

  // "54 %" and "1.2 k" stay on one line.
  const unbroken = (text) => text.replace(/(\d) (?=[%kMBT](?![a-z]))/g, '$1\u00a0');
  function statement(pair) {
    if (!pair.headline_pattern)
      return pair.headline || 'No result yet: it takes finished runs of both strategies.';
    const words = {'{source}': language(pair.source_language), '{target}': language(pair.language)};
    return unbroken(pair.headline_pattern.replace(/\{source\}|\{target\}/g, (key) => words[key]));
  }

  // What to do at the budget of the answer, for one language: the advice, then where it is from.
  function answerOf(answer, pair) {
    const target = language(pair.language), source = language(pair.source_language);
    if (pair.advice === 'none' || !isNumber(answer.flops))
      return element('p', {class: 'absent'}, `${target}: no answer. ${pair.refused || ''}`);
    const advice = {
      'continue': `continue from ${source}`,
      'scratch': 'train from scratch',
      'cannot tell': `this sweep cannot tell whether to continue from ${source}`,
      'one way': 'trained from scratch only',
    }[pair.advice];
    const nats = (x) => (x > 0 ? `+${loss(x, 4)}` : loss(x, 4));
    const difference = isNumber(pair.loss_difference) ?
        ` Loss of continuing less loss from scratch: ${
            withInterval(
                pair.loss_difference, pair.loss_difference_ci95,
                nats)} nats. The training of the ${source} model is not counted.` :
        '';
    const split = `Best split${pair.strategy ? `, ${pair.strategy}` : ''}: N* ${
        withInterval(pair.params, pair.params_ci95, count)} parameters, D* ${
        withInterval(pair.tokens, pair.tokens_ci95, count)} tokens, D*/N* ${
        withInterval(pair.tokens_per_param, pair.tokens_per_param_ci95, digits)}.`;
    return element(
        'div', {class: 'answer'}, element('p', {}, element('b', {}, `${target}: ${advice}.`)),
        element('p', {}, unbroken(`${split}${difference}`)),
        element('p', {class: 'origin'}, unbroken(`By the fit “${pair.fit}”: ${pair.reason}.`)));
  }
  function answers(data) {
    const answer = withLists(data.answer, ['pairs', 'warnings']);
    if (!answer.pairs.length || !isNumber(answer.flops)) return [];
    const warned = answer.warnings.length ?
        element(
            'details', {}, element('summary', {}, `${answer.warnings.length} warnings`),
            element('ul', {}, answer.warnings.map((text) => element('li', {}, text)))) :
        null;
    return element(
        'div', {class: 'remark'},
        element(
            'p', {},
            `At C = ${power(answer.flops, 3)} FLOPs (${
                answer.compute}), the most that was measured; 95 % intervals in brackets.`),
        answer.pairs.map((pair) => answerOf(answer, pair)), warned);
  }

  function summary(data, choose) {
    fill('answers', answers(data));
    fill('kicker', [
      data.crosslaw ? `crosslaw ${data.crosslaw}` : 'crosslaw', date(data.generated), data.command
    ].filter(Boolean).join(' · '));
    fill('name', data.name || 'Unnamed sweep');
    fill('totals', totals(data));
    const lines = data.pairs.map(
        (pair, i) => element(
            'button', {type: 'button', class: 'headline', 'data-pair': i, onclick: () => choose(i)},
            element('span', {class: 'pairing'}, pairName(data, i)),
            element('span', {class: 'statement'}, statement(pair))));
    fill(
        'headlines',
        lines.length ?
            lines :
            element(
                'p', {class: 'absent'},
                'No language is trained both from scratch and continued, or none of those runs has reported yet; what was measured is shown below.'));
    fill(
        'problems',
        data.problems.length ?
            element(
                'div', {class: 'notice'}, element('p', {}, element('b', {}, 'Read this first')),
                element('ul', {}, data.problems.map((text) => element('li', {}, named(text))))) :
            []);
  }

  // Sentences of the program begin with the code of a language.
  function named(text) {
    return text.replace(
        /^([A-Za-z]{2,3}(?:-[A-Za-z]+)?), fit /, (_, code) => `${language(code)}, fit `);
  }

  // "French from English"; two pairs of one language are told apart by how they continue.
  function pairName(data, i) {
    const pair = data.pairs[i];
    const variant = crosslaw.data.variantOf(data, i);
    return `${language(pair.language)} from ${language(pair.source_language)}${
        variant ? ` (${variant})` : ''}`;
  }

  crosslaw.summary = summary;
})();
