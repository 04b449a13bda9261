#include "trainer/corpus/text_audit.h"

#include <ctime>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/address_sanitizer.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"
#include "trainer/corpus/corpus.h"
#include "trainer/corpus/language_shares.h"

namespace crosslaw::trainer {
namespace {

// Documents of words that are drawn anew: they share no passage.
std::vector<std::string> documents(unsigned seed, int count) {
  std::mt19937 draw(seed);
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) {
    std::string text;
    while (text.size() < 2000) {
      for (unsigned n = 2 + draw() % 7; n > 0; --n) text += static_cast<char>('a' + draw() % 26);
      text += ' ';
    }
    out.push_back(text);
  }
  return out;
}

std::string audit_lines(const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) lines += nlohmann::json{{"text", text}}.dump() + "\n";
  return lines;
}

// A corpus of two languages in files of its own.
struct Audited {
  tests::TempFolder folder;
  std::vector<std::string> en = documents(1, 60), en_valid = documents(2, 100),
                           fr = documents(3, 60), fr_valid = documents(4, 100);
  CorpusOptions options;
  std::vector<std::string> said;

  Corpus prepare() {
    options.folder = folder / "data";
    options.tokenizer = "bytes";
    options.valid_tokens = 200'000;
    options.allow_foreign = 1;  // drawn words are of no language
    options.languages.clear();
    for (auto [name, train, valid] : {std::tuple{"en", &en, &en_valid}, {"fr", &fr, &fr_valid}})
      options.languages.push_back(
          {name,
           {folder.write(std::string(name) + ".jsonl", audit_lines(*train))},
           {folder.write(std::string(name) + ".v.jsonl", audit_lines(*valid))}});
    said.clear();
    return prepare_corpus(options, [&](const std::string& message) { said.push_back(message); });
  }
  std::string refusal() {
    return tests::message_of([&] { prepare(); });
  }
  bool warned() const {
    return std::any_of(said.begin(), said.end(), [](const std::string& message) {
      return message.find("warning") != std::string::npos;
    });
  }
};

}  // namespace

TEST_CASE("a clean corpus raises nothing, and what was found is in the manifest") {
  Audited a;
  const Corpus corpus = a.prepare();
  REQUIRE(corpus.audit.overlaps.size() == 2);
  for (const Overlap& overlap : corpus.audit.overlaps) {
    CHECK(overlap.passages.shared == 0);
    CHECK(overlap.passages.windows > 150'000);
    CHECK(overlap.documents.empty());
  }
  CHECK_FALSE(a.warned());
  const std::string manifest = tests::read_file(a.folder / "data" / "manifest.json");
  CHECK_THAT(manifest, has_text("windows_of_50_bytes"));
  // Unchanged texts are not looked at again.
  a.prepare();
  CHECK(a.said.empty());
}

TEST_CASE("one validation document in a hundred, planted in a training text, is found by name") {
  Audited a;
  a.en.insert(a.en.begin() + 41, a.fr_valid[6]);  // the other language's text counts, too
  const std::string message = a.refusal();
  CHECK_THAT(message, has_text("data.language.fr.valid: 0.999 % of it stands in training text"));
  CHECK_THAT(message, has_text("fr.v.jsonl, line 7: 100 % of it stands in ") &&
                          has_text("en.jsonl, line 42 of data.language.en.train"));
  CHECK_THAT(message, has_text("data.allow_overlap = 0.0"));
  // Allowed, it is named all the same.
  a.options.allow_overlap = 0.02;
  const Corpus corpus = a.prepare();
  CHECK(a.warned());
  const Overlap& overlap = corpus.audit.overlaps[1];
  CHECK(overlap.passages.share() == Approx(0.01).epsilon(0.1));
  CHECK(overlap.passages_in.at("en") == overlap.passages.shared);
  CHECK(overlap.documents.at(0).line == 7);
  // Of bytes: the six documents before it, each with its separator, then the document itself.
  int64_t begin = 0;
  for (size_t i = 0; i < 6; ++i) begin += static_cast<int64_t>(a.fr_valid[i].size()) + 1;
  const TokenRanges expected = {{begin, begin + static_cast<int64_t>(a.fr_valid[6].size())}};
  REQUIRE(corpus.audit.seen.size() == 1);
  REQUIRE(corpus.audit.seen.at("fr").size() == 1);
  CHECK(corpus.audit.seen.at("fr")[0].second - corpus.audit.seen.at("fr")[0].first ==
        expected[0].second - expected[0].first);
  CHECK(std::abs(corpus.audit.seen.at("fr")[0].first - expected[0].first) <= 1);
  // It is refused again when it is no longer allowed, though nothing is looked at anew.
  a.options.allow_overlap = 0.005;
  CHECK_THAT(a.refusal(), has_text("line 7: 100 %"));
}

TEST_CASE(
    "a passage of a few hundred bytes within other text is found, a phrase is not a passage") {
  Audited a;
  a.fr[5] = a.fr[5].substr(0, 700) + a.fr_valid[30].substr(100, 400) + a.fr[5].substr(700);
  a.fr[9] += a.fr_valid[31].substr(0, 120);
  const Corpus corpus = a.prepare();
  const Overlap& overlap = corpus.audit.overlaps[1];
  REQUIRE(overlap.documents.size() == 1);
  CHECK(overlap.documents[0].line == 31);
  CHECK(overlap.passages.shared == 400 - kPassageBytes + 1);
  CHECK(overlap.bytes.shared == (400 - kOverlapBytes + 1) + (120 - kOverlapBytes + 1));
  CHECK_FALSE(a.warned());  // a fifth of a document
}

TEST_CASE("validation text behind what is measured is not looked at") {
  Audited a;
  a.en.push_back(a.en_valid.back());
  a.en_valid.insert(a.en_valid.end() - 1, a.fr_valid.begin(), a.fr_valid.end());
  // Half of the validation text, so that the planted document lies behind it.
  const Corpus corpus = a.prepare();
  CHECK(corpus.audit.overlaps[0].passages.shared == 0);
}

TEST_CASE("text in another language than its name says is refused, unless so much is allowed") {
  TextAudit audit;
  audit.languages["fr"]["train"] = {{"fr", 0.55}, {"en", 0.4}, {"zxx", 0.05}};
  const auto much = [](std::map<std::string, double> shares) {
    return GuessedLanguages{std::move(shares), 50'000};
  };
  audit.foreign["fr"]["train"] = foreign_share(much(audit.languages["fr"]["train"]), "fr");
  CHECK(audit.foreign["fr"]["train"] == Approx(0.4));
  const auto refusal = [&](double allowed) {
    return tests::message_of([&] { require_clean(audit, 0.005, allowed, {}); });
  };
  CHECK_THAT(refusal(0.3), has_text("data.language.fr.train: 40 % of its text is in other languages"
                                    " (guessed: 55 % fr, 40 % en, 5 % zxx)") &&
                               has_text("data.allow_foreign = 0.4"));
  CHECK(refusal(0.41) == "(nothing was thrown)");
  // Names of languages that are written alike, or with more behind the code.
  CHECK(foreign_share(much({{"no", 0.7}, {"nn", 0.3}}), "nb") == Approx(0));
  CHECK(foreign_share(much({{"fr", 0.9}, {"en", 0.1}}), "fr-web") == Approx(0.1));
  CHECK(foreign_share(much({{"zxx", 1.0}}), "fr") == Approx(0));
  // Of little text the guesses that are wrong differ: they do not add up.
  CHECK(foreign_share({{{"fr", 0.4}, {"oc", 0.2}, {"ht", 0.2}, {"wa", 0.2}}, 5'000}, "fr") ==
        Approx(0.2));
  // Words of no language are guessed alike in both texts; of much text that is no excuse.
  const GuessedLanguages words{{{"tl", 0.9}, {"en", 0.1}}, 5'000};
  CHECK(foreign_share(words, "fr", much(words.shares)) == Approx(0));
  CHECK(foreign_share(words, "fr", much({{"tl", 0.3}, {"fr", 0.7}})) == Approx(0.6));
  CHECK(foreign_share(much(words.shares), "fr", words) == Approx(1));
}

TEST_CASE("languages of real text are guessed, and mixed ones are foreign") {
  LanguageGuesser guesser;
  if (!guesser.missing().empty()) {
    WARN(guesser.missing());
    return;
  }
  CHECK(guesser.knows("fr"));
  CHECK(guesser.knows("nb"));
  CHECK_FALSE(guesser.knows("corpus"));
  const std::vector<std::filesystem::path> mixed = {"sweep/presets/corpus/fr.valid.jsonl.zst",
                                                    "sweep/presets/corpus/en.valid.jsonl.zst"};
  const double foreign = foreign_share(guesser.guess(mixed, "text"), "fr");
  CHECK(foreign > 0.3);
  CHECK(foreign < 0.7);
}

TEST_CASE("where any share is allowed no language is guessed, until that is taken back") {
  tests::TempFolder folder;
  CorpusOptions options;
  options.folder = folder / "data";
  options.tokenizer = "bytes";
  options.valid_tokens = 1024;
  options.allow_foreign = 1;
  const std::string stem = "sweep/presets/corpus/";
  options.languages = {{"fr",
                        {stem + "en.valid.jsonl.zst", stem + "zh.valid.jsonl.zst"},
                        {stem + "fr.valid.jsonl.zst"}}};
  const auto silent = [](const std::string&) {};
  CHECK(prepare_corpus(options, silent).audit.languages.empty());
  options.allow_foreign = 0.3;
  if (!LanguageGuesser().missing().empty()) {
    CHECK(prepare_corpus(options, silent).audit.languages.empty());
    return;
  }
  for (int time = 0; time < 2; ++time)
    CHECK_THAT(tests::message_of([&] { prepare_corpus(options, silent); }),
               has_text("of its text is in other languages") && has_text("% en"));
}

TEST_CASE("validation text in another language is refused like training text, however short") {
  if (!LanguageGuesser().missing().empty()) return;
  tests::TempFolder folder;
  const std::string stem = "sweep/presets/corpus/";
  const auto refusal = [&](int64_t valid_tokens, const std::string& train,
                           const std::string& valid) {
    CorpusOptions options;
    options.folder = folder / "data";
    options.tokenizer = "bytes";
    options.valid_tokens = valid_tokens;
    options.languages = {{"fr", {stem + train}, {stem + valid}}};
    return tests::message_of([&] { prepare_corpus(options, [](const std::string&) {}); });
  };
  // One document, some, and all that there are.
  for (const int64_t tokens : {2'048, 16'384, 131'072}) {
    INFO(tokens << " tokens are measured");
    CHECK_THAT(refusal(tokens, "fr.train.jsonl.zst", "en.valid.jsonl.zst"),
               has_text("data.language.fr.valid: 100 % of its text is in other languages (guessed: "
                        "100 % en)") &&
                   has_text("data.allow_foreign = 1 (now 0.3)"));
    CHECK(refusal(tokens, "fr.train.jsonl.zst", "fr.valid.jsonl.zst") == "(nothing was thrown)");
  }
  CHECK_THAT(refusal(2'048, "zh.valid.jsonl.zst", "fr.valid.jsonl.zst"),
             has_text("data.language.fr.train: 100 % of its text is in other languages"));
}

#if !defined(__SANITIZE_ADDRESS__)  // its time is its own
TEST_CASE("the demo's text is audited in seconds and is clean") {
  tests::TempFolder folder;
  CorpusOptions options;
  options.folder = folder / "data";
  options.tokenizer = "bytes";
  options.valid_tokens = 65536;
  std::vector<OverlapText> texts;
  for (const char* name : {"en", "fr", "zh"}) {
    const std::string stem = std::string("sweep/presets/corpus/") + name;
    options.languages.push_back({name, {stem + ".train.jsonl.zst"}, {stem + ".valid.jsonl.zst"}});
  }
  std::vector<std::string> said;
  const Corpus corpus =
      prepare_corpus(options, [&](const std::string& message) { said.push_back(message); });
  for (const Overlap& overlap : tests::some(corpus.audit.overlaps)) {
    INFO(describe(overlap));
    CHECK(overlap.bytes.shared > 0);
    CHECK(overlap.passages.share() < 0.004);
  }
  for (const std::string& message : tests::some(said))
    CHECK(message.find("warning") == std::string::npos);
  // Of the processor's time: machines that run tests may be busy.
  const std::clock_t begin = std::clock();
  for (const LanguageFiles& files : options.languages)
    texts.push_back({files.language, files.train, files.valid, "", "", 40});
  find_overlaps(texts, "text", 0, true);
  CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 10);
}
#endif

TEST_CASE("with a tokenizer of its own, windows of 13 tokens are counted beside those of bytes") {
  Audited a;
  a.fr.push_back(a.fr_valid[3]);
  a.options.allow_overlap = 1;
  a.prepare();
  Audited b;
  b.fr.push_back(b.fr_valid[3]);
  b.options.allow_overlap = 1;
  b.folder.write("keep", "");
  b.options.tokenizer = "train:400";
  CorpusOptions options = b.options;
  options.folder = b.folder / "data";
  options.valid_tokens = 60'000;
  options.languages = {{"fr",
                        {b.folder.write("fr.jsonl", audit_lines(b.fr))},
                        {b.folder.write("fr.v.jsonl", audit_lines(b.fr_valid))}}};
  const Corpus corpus = prepare_corpus(options, [](const std::string&) {});
  const Overlap& overlap = corpus.audit.overlaps.at(0);
  CHECK(overlap.tokens.windows > 50'000);
  // The planted document, and no phrase beside it: drawn words have none in common.
  CHECK(overlap.tokens.share() == Approx(overlap.passages.share()).epsilon(0.2));
}

}  // namespace crosslaw::trainer
