// Puts the page together from the data in #crosslaw-data (schema 1). Every number stands in them:
// scripts scale, place and write numbers, they make none.
//   name, generated (ISO 8601), crosslaw (version), command,
//   conventions{params, flops, loss}: sentences,
//   answer{flops, compute, lines[], pairs[{language, source_language, replay, advice: continue|
//     scratch|cannot tell|one way|none, fit, reason, refused, loss_difference, strategy, params,
//     tokens, tokens_per_param, each number with _ci95}], warnings[]}: what to do at one budget,
//   totals{runs, done, diverged, failed, pending, running, sizes, params[2], strategies, tokens,
//     flops, compute_seconds, wall_seconds, devices[]},
//   problems[]: sentences,
//   strategies[{name, language, from, replay, kind: source|scratch|continued}],
//   loss{compute (what C is, as the axis says), curves[{strategy, replay, language, size, params,
//     seed, points[{tokens, flops, loss, end}]}]: losses on the strategy's own language; `end`
//     marks the end of a schedule. Points stand in the order of the run; where tokens step back, or
//     after an end, a new line begins. frontiers[{strategy, replay, coefficient, exponent,
//     exponent_ci95, floor (null: a straight power law), floor_ci95, mean_distance,
//     lowest[{tokens, flops, loss}], line[{flops, loss}]}]},
//   pairs[{language, source_language, scratch, continued (names of strategies), replay, headline,
//     headline_pattern (the same with {source} and {target}), chosen{fit, reason},
//     fits[{name, subject: scratch|continued|both, law, points, objective, identifiable,
//       coefficients{E: {value, se, ci95[2], held}, ...}, rms_residual, problems[], condition,
//       starts, starts_at_best}],
//     savings[{size, params, tokens, tokens_per_param, flops, loss, scratch_tokens, scratch_flops,
//       saved_fraction, transferred_tokens, each with _ci95, extrapolated}],
//     transfer{fit, reason, sentence, noise, rows[], budgets[], growth{measured, law}, crossings[],
//       frontier[]}: as crosslaw transfer --json, null without continued runs,
//     contrast{sentence, laws[{law, runs, points, rms, mean_error, huber, gamma{value, ci95}}],
//       gamma_scratch, gamma_continued, gamma_difference, problems[]},
//     language_curves[{strategy, language, source, replay, size, params, seed, points[{flops (on
//       this language alone), tokens, loss, end}]}],
//     savings_law[{params, tokens, tokens_per_param, saved_fraction, ci95, transferred_tokens,
//       transferred_tokens_ci95}],
//     forgetting{models[{strategy, language, size, params, seed, start_loss, points[{tokens, loss,
//       end}]}], rise{ends, least, mean, most}, growth{ends, constant, params_exponent,
//       tokens_exponent, with _ci95}}: losses on the source language while continuing,
//     contours{compute, levels{low, high, start, step}, surfaces[{strategy, params[], flops[],
//       loss[row of params][column of flops], frontier[{flops, params, params_ci95}],
//       ratios[{tokens_per_param, line[{flops, params}]}],
//       measured[{flops, params}]: a closed outline}]},
//     allocation{compute, rows[{flops, scratch{params, tokens, loss, each with _ci95, nearest_size,
//       nearest_params}, continued{the same}, loss_difference, warnings[]}],
//       growth[{strategy, params_constant, params_exponent, tokens_constant, tokens_exponent,
//       exponents with _ci95}]: N* and D* over C},
//     residuals{rows[{strategy, size, params, tokens, observed, predicted, residual}],
//       spread[{strategy, points, rms}]}}],
//   matrix{sources[], targets[], cells[{source_language, language, strategy, replay,
//     tokens_per_param, saved_share, saved_share_ci95, by_law, verdict, scratch_bits_per_byte,
//     continued_bits_per_byte}]},
//   replay[{strategy, language, source_language, sentence, within, weight, ratios[], noise,
//   cells[]}]:
//     as crosslaw replay --json,
//   scores{sentence, rows[{set, strategy, kind, language, replay, size, params, tokens, loss,
//     questions, plain, by_byte, each with _ci95, largest, relative}]},
//   pooled{sentence, alpha, beta with _ci95, heterogeneity, freedom, chance, languages[{language,
//     points, alpha, beta, E, A, B, each with _ci95, rms, pooled_rms}]}: null for one language,
//   bases[{strategy, language, source_language, replay, sentence, rms, delta, rows[{
//     base_tokens_per_param, runs, mean_loss, loss_difference}], with _ci95}],
//   texts{sentence, texts[{language, shared_50_bytes, shared_13_tokens, shared_passages, documents,
//     first_document, train_is, train_foreign, valid_is, valid_foreign}], losses[{strategy,
//     language, replay, tokens_per_param, runs, seen_share, read_share, loss, loss_seen,
//     loss_clean}]},
//   sizes[{size, embedding, unembedding, blocks, norms, total, budget, flops_per_token}],
//   runs[{name, key, strategy, size, params, tokens, outcome, loss, loss_per_byte, flops, seconds,
//     attempts, device, message}].
// Unknown is null, any array may be empty or null: each part then says what is missing.
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
    interval,
    power,
    whole,
    duration,
    language,
    date
  } = crosslaw.format;
  const charts = crosslaw.charts;
  const narrow = window.matchMedia('(max-width: 760px)');
  const touch = window.matchMedia('(pointer: coarse)');

  // Every list exists and holds no null: the figures need not ask.
  function withLists(object, keys) {
    const lists = keys.map(
        (key) =>
            [key,
             object && Array.isArray(object[key]) ? object[key].filter((entry) => entry !== null) :
                                                    []]);
    return {...object, ...Object.fromEntries(lists)};
  }
  function withPoints(entries) { return entries.map((entry) => withLists(entry, ['points'])); }
  const transferLists = ['rows', 'budgets', 'crossings', 'frontier'];
  function completePair(pair) {
    const forgetting = withLists(pair.forgetting, ['models']);
    return {
      ...withLists(pair, ['fits', 'savings', 'savings_law', 'language_curves']),
      language_curves: withPoints(withLists(pair, ['language_curves']).language_curves),
      transfer: pair.transfer ? {growth: {}, ...withLists(pair.transfer, transferLists)} : null,
      forgetting: {...forgetting, models: withPoints(forgetting.models)},
      contours: withLists(pair.contours, ['surfaces']),
      allocation: withLists(pair.allocation, ['rows']),
      residuals: withLists(pair.residuals, ['rows', 'spread']),
    };
  }
  function read() {
    const json = JSON.parse(document.getElementById('crosslaw-data').textContent);
    const data = withLists(json, ['problems', 'strategies', 'pairs', 'runs', 'replay', 'sizes']);
    data.pairs = data.pairs.map(completePair);
    data.scores = withLists(data.scores, ['rows']);
    data.loss = withLists(data.loss, ['curves', 'frontiers']);
    data.loss.curves = withPoints(data.loss.curves);
    data.loss.frontiers =
        data.loss.frontiers.map((frontier) => withLists(frontier, ['lowest', 'line']));
    return data;
  }

  function contextFor(data, index) {
    const compared = index < data.pairs.length;
    // Without a pair, one strategy alone still shows its curves.
    const alone = data.strategies.find((strategy) => strategy.kind !== 'source');
    const pair = compared ?
        data.pairs[index] :
        completePair(alone ? {[alone.kind]: alone.name, language: alone.language} : {});
    const named = (name) => data.strategies.find((strategy) => strategy.name === name);
    const continued = pair.continued && named(pair.continued);
    const source = (continued && named(continued.from)) ||
        data.strategies.find((strategy) => strategy.kind === 'source');
    const sizes = [...data.loss.curves, ...pair.savings].map((entry) => entry.params);
    return {
      data,
      pair,
      compared,
      narrow: narrow.matches,
      touch: touch.matches,
      scale: charts.sizeScale(sizes.length ? sizes : [1]),
      sourceStrategy: source ? source.name : null,
      targetName: language(pair.language),
      sourceName: language(pair.source_language || (source && source.language)),
    };
  }

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
    const withEnds = (value, ends, show) => {
      const known = interval(ends, show);
      return known ? `${show(value)} ${known}` : show(value);
    };
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
            withEnds(
                pair.loss_difference, pair.loss_difference_ci95,
                nats)} nats. The training of the ${source} model is not counted.` :
        '';
    const split = `Best split${pair.strategy ? `, ${pair.strategy}` : ''}: N* ${
        withEnds(pair.params, pair.params_ci95, count)} parameters, D* ${
        withEnds(pair.tokens, pair.tokens_ci95, count)} tokens, D*/N* ${
        withEnds(pair.tokens_per_param, pair.tokens_per_param_ci95, digits)}.`;
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

  // "French from English"; two pairs of one language are told apart by the continued strategy.
  function pairName(data, i) {
    const pair = data.pairs[i];
    const twin = data.pairs.some((other, k) => k !== i && other.language === pair.language);
    return `${language(pair.language)} from ${language(pair.source_language)}${
        twin ? ` (${pair.continued})` : ''}`;
  }

  function languages(data, choose) {
    const box = document.getElementById('languages');
    box.hidden = data.pairs.length < 2;
    box.append(...data.pairs.map((pair, i) => {
      const twin = data.pairs.some((other, k) => k !== i && other.language === pair.language);
      return element(
          'label', {}, element('input', {
            type: 'radio',
            name: 'language',
            value: i,
            checked: i === 0,
            onchange: () => choose(i)
          }),
          element('span', {}, twin ? pair.continued : language(pair.language)));
    }));
  }

  function provenance(data) {
    const conventions = data.conventions || {};
    const when = date(data.generated), name = data.name || 'unnamed';
    const fact = (title, ...body) => [element('dt', {}, title), element('dd', {}, ...body)];
    const code = (text) => element('code', {}, text);
    fill(
        'provenance-list', fact('Parameters, N', conventions.params || none),
        fact('Compute, C', conventions.flops || none), fact('Loss, L', conventions.loss || none),
        fact(
            'Made by', `crosslaw ${data.crosslaw || 'of unknown version'}, `,
            code(data.command || 'command not recorded'), `, ${when}`),
        fact(
            'The data', 'Every loss, run and fit is in ', code('crosslaw.db'),
            ' beside this page; the views ', code('observations'), ' and ', code('run_results'),
            ' are made for your own queries. ', code('crosslaw export'),
            ' writes the observations as CSV, and the CSV button under each figure the numbers it shows.'),
        fact(
            'Keys',
            'A run\'s key is the SHA-256 of everything that can change its loss. The same key means the same run; its folder under ',
            code('runs/'), ' carries that name.'),
        fact(
            'Method',
            'Scaling laws for training from scratch and for continuing from another language after arXiv:2407.02118. Diverged, failed and unfinished runs are listed, not fitted.'),
        fact(
            'To cite a number',
            `Give it with its interval, the name of the fit or the run's key, and this page: “${
                name}, crosslaw ${data.crosslaw || ''}, ${when}”. ` +
                'Mark what lies outside the measured range as extrapolated.'));
    fill(
        'colophon',
        'One file, nothing fetched. Figures drawn with plotly.js (MIT licence), carried inside.');
  }

  function navigation() {
    const links = [...document.querySelectorAll('main > section[data-nav]')].map((section) => {
      const link = element('a', {href: `#${section.id}`}, section.dataset.nav);
      return {section, link};
    });
    fill('sections', links.map(({link}) => link));
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries.filter((e) => e.isIntersecting)) {
        for (const {section, link} of links)
          link.toggleAttribute('data-here', section === entry.target);
      }
    }, {rootMargin: '-20% 0px -70% 0px'});
    links.forEach(({section}) => watch.observe(section));
  }

  function themeButton(redraw, print) {
    const button = document.getElementById('theme');
    const name = () => {
      button.textContent = crosslaw.theme.current() === 'dark' ? 'Light' : 'Dark';
    };
    name();
    button.addEventListener('click', () => {
      crosslaw.theme.toggle();
      name();
      redraw();
    });
    crosslaw.theme.onSystemChange(() => {
      name();
      redraw();
    });
    // Paper is white: figures are drawn again in light colours and put back afterwards.
    window.addEventListener('beforeprint', () => {
      crosslaw.theme.show('light');
      print();
    });
    window.addEventListener('afterprint', () => {
      crosslaw.theme.restore();
      redraw();
    });
  }

  function start() {
    const data = read();
    let index = 0;
    const redraw = () => charts.drawAll(contextFor(data, index));
    const show = () => {
      const context = contextFor(data, index);
      document.querySelectorAll('.headline')
          .forEach(
              (line) =>
                  line.setAttribute('aria-pressed', String(Number(line.dataset.pair) === index)));
      document.querySelectorAll('#languages input').forEach((input) => {
        input.checked = Number(input.value) === index;
      });
      for (const [id, source] of Object.entries(crosslaw.sources))
        fill(`source-${id}`, source(context));
      crosslaw.tables.allocation(context);
      for (const part of crosslaw.parts) part(context);
      return charts.drawAll(context);
    };
    const choose = (i) => {
      index = i;
      show();
    };
    summary(data, choose);
    languages(data, choose);
    navigation();
    provenance(data);
    crosslaw.tables.runs(contextFor(data, index));
    themeButton(
        redraw, () => charts.drawNow({...contextFor(data, index), narrow: false, print: true}));
    narrow.addEventListener('change', redraw);
    return show();
  }

  try {
    start();
  } catch (error) {
    crosslaw.note(`page: ${error && error.message}`);
    document.getElementById('headlines').textContent =
        'This report could not be read: its data are damaged. Make it again with crosslaw report.';
    charts.publish();
    throw error;
  }
})();
