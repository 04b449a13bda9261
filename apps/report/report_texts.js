// What validation and training texts have in common, which languages they are in, and the losses on
// the parts that training text holds and on clean ones.
(() => {
  'use strict';
  const {element, fill, isNumber, none, digits, whole, loss, percent, language} = crosslaw.format;
  const {tableOf, heading, small} = crosslaw.pieces;

  function commonText(rows) {
    if (!rows.length) return [];
    const share = (x) => (isNumber(x) ? percent(x, 2) : none);
    return [
      tableOf(
          'What the texts have in common',
          ['Validation text', 'passages of 200 bytes', '50 bytes', '13 tokens', 'documents'],
          rows.map(
              (row) =>
                  [language(row.language), share(row.shared_passages), share(row.shared_50_bytes),
                   share(row.shared_13_tokens),
                   {text: whole(row.documents), title: row.first_document}])),
      small(
          'The shares of its windows that stand in training text of any language. A phrase of 50 bytes may be shared by chance, a passage was seen; documents are those that hold one.'),
    ];
  }

  function guessedLanguages(rows) {
    const known = rows.filter((row) => row.train_is || row.valid_is);
    if (!known.length) return [];
    const foreign = (x) => (isNumber(x) ? percent(x, 1) : none);
    return [
      heading('Languages of the texts'),
      tableOf(
          'Languages of the texts', ['Text', 'training is', 'foreign', 'validation is', 'foreign'],
          known.map(
              (row) =>
                  [language(row.language), row.train_is, foreign(row.train_foreign), row.valid_is,
                   foreign(row.valid_foreign)])),
      small('Guessed from a sample of the documents.'),
    ];
  }

  function lossesApart(texts) {
    if (!texts.losses.length) return [];
    return [
      heading('Losses on seen and on clean text'),
      element('p', {class: 'statement'}, texts.sentence || ''),
      tableOf(
          'Losses on seen and on clean text',
          [
            'Strategy', 'replay', 'D/N', 'runs', 'seen', 'read by now', 'loss', 'on seen',
            'on clean'
          ],
          texts.losses.map(
              (row) =>
                  [row.strategy, percent(row.replay, 0), digits(row.tokens_per_param),
                   whole(row.runs), percent(row.seen_share, 2), percent(row.read_share, 2),
                   loss(row.loss, 4), loss(row.loss_seen, 4), loss(row.loss_clean, 4)])),
      small(
          '“seen”: the share of validation tokens in windows that training text holds in part. “read by now”: the share of the validation text that such runs are expected to have read in training. Fits use the loss on all.'),
    ];
  }

  function textsPart(context) {
    const given = context.data.texts || {};
    const lists = {texts: given.texts || [], losses: given.losses || [], sentence: given.sentence};
    crosslaw.drawing.showSection(
        'texts', lists.texts.length > 0 || lists.losses.length > 0,
        'its texts were prepared before they were compared, or elsewhere');
    fill(
        'texts-tables', commonText(lists.texts), lossesApart(lists), guessedLanguages(lists.texts));
  }

  crosslaw.parts.push(textsPart);
})();
