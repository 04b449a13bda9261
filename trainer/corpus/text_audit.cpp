#include "trainer/corpus/text_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "trainer/corpus/language_shares.h"

namespace crosslaw::trainer {
namespace {

using nlohmann::json;
using OnMessage = std::function<void(const std::string&)>;

constexpr size_t kLeaksShown = 10;
constexpr double kSeenDocument = 0.5;  // of a document: it was copied, not quoted

json count_to_json(const WindowCount& count) { return {count.windows, count.shared}; }
WindowCount count_from_json(const json& j) { return {j.at(0), j.at(1)}; }

// Few, but whole ones: that is a leak, too.
void warn_of_seen_documents(const Overlap& overlap, const OnMessage& say) {
  for (const LeakedDocument& document : overlap.documents) {
    if (document.windows.share() >= kSeenDocument)
      say("warning: a validation document was seen: " + describe(document));
  }
}

void require_own_language(const TextAudit& audit, double allow_foreign) {
  for (const auto& [language, splits] : audit.foreign) {
    for (const auto& [split, share] : splits) {
      if (share <= allow_foreign) continue;
      throw std::invalid_argument(fmt::format(
          "data.language.{}.{}: {:.3g} % of its text is in other languages (guessed: {}), so that "
          "its losses and tokens would not be those of {}. Take these documents out, name the "
          "language as it is, or allow it with data.allow_foreign = {:.2g} (now {:g})",
          language, split, 100 * share, trainer::describe(audit.languages.at(language).at(split)),
          language, std::ceil(100 * share) / 100, allow_foreign));
    }
  }
}

void guess_languages_of(const std::vector<OverlapText>& texts, const std::string& text_field,
                        TextAudit& audit) {
  LanguageGuesser guesser;
  if (!guesser.missing().empty()) {
    audit.notes.push_back("languages of the texts were not guessed: " + guesser.missing());
    return;
  }
  for (const OverlapText& files : texts) {
    const GuessedLanguages train = guesser.guess(files.train, text_field);
    // Of validation text what is measured, and nothing behind it.
    const GuessedLanguages valid = guesser.guess(files.valid, text_field, files.valid_documents);
    const auto note = [&](const std::string& split, const GuessedLanguages& guessed,
                          const GuessedLanguages& beside, int64_t fewest_bytes) {
      audit.languages[files.language][split] = guessed.shares;
      if (guessed.bytes >= fewest_bytes && guesser.knows(files.language))
        audit.foreign[files.language][split] = foreign_share(guessed, files.language, beside);
      if (!guessed.shares.empty())
        audit.notes.push_back(
            fmt::format("{} ({}) is {}", files.language, split, describe(guessed.shares)));
    };
    // Validation texts are short by nature; training text that is so teaches nobody anything.
    note("train", train, valid, kBytesToJudge);
    note("valid", valid, train, kFewestBytesToJudge);
  }
}

}  // namespace

TextAudit look_at_texts(const std::vector<OverlapText>& texts, const std::string& text_field,
                        int64_t separator, bool bytes_are_tokens, bool guess_languages) {
  TextAudit audit;
  audit.overlaps = find_overlaps(texts, text_field, separator, bytes_are_tokens);
  for (const Overlap& overlap : audit.overlaps) audit.notes.push_back(describe(overlap));
  const bool any_seen =
      std::any_of(audit.overlaps.begin(), audit.overlaps.end(), [](const Overlap& overlap) {
        const bool has_text = overlap.passages.windows > 0;
        return (has_text ? overlap.passages : overlap.tokens).shared > 0;
      });
  if (any_seen) audit.seen = seen_tokens(texts, separator, bytes_are_tokens);
  if (guess_languages) guess_languages_of(texts, text_field, audit);
  return audit;
}

TextAudit guess_languages(const std::vector<OverlapText>& texts, const std::string& text_field) {
  TextAudit audit;
  guess_languages_of(texts, text_field, audit);
  return audit;
}

void refuse_same_bytes(const std::vector<OverlapText>& texts,
                       const std::function<std::string(const std::filesystem::path&)>& hash_of) {
  std::map<std::string, std::string> training;  // hash -> file and key
  for (const OverlapText& text : texts) {
    for (const std::filesystem::path& file : text.train)
      training[hash_of(file)] =
          fmt::format("{} of data.language.{}.train", file.string(), text.language);
  }
  for (const OverlapText& text : texts) {
    for (const std::filesystem::path& file : text.valid) {
      const auto same = training.find(hash_of(file));
      if (same == training.end()) continue;
      throw std::invalid_argument(
          fmt::format("data.language.{}.valid: {} holds the same bytes as {}; validation needs "
                      "text that is not trained on",
                      text.language, file.string(), same->second));
    }
  }
}

void require_clean(const TextAudit& audit, double allow_overlap, double allow_foreign,
                   const OnMessage& say) {
  require_own_language(audit, allow_foreign);
  for (const Overlap& overlap : audit.overlaps) {
    if (overlap.passages.share() <= allow_overlap) {
      warn_of_seen_documents(overlap, say);
      continue;
    }
    std::string found;
    for (size_t i = 0; i < std::min(kLeaksShown, overlap.documents.size()); ++i)
      found += "\n  " + describe(overlap.documents[i]);
    if (overlap.documents.size() > kLeaksShown)
      found += fmt::format("\n  and {} documents more", overlap.documents.size() - kLeaksShown);
    throw std::invalid_argument(fmt::format(
        "data.language.{}.valid: {:.3g} % of it stands in training text, in passages of {} bytes "
        "or more; the losses of models that saw them tell nothing. Take these documents out of "
        "either text, or allow it with data.allow_overlap = {:.2g} (now {:g}):{}",
        overlap.language, 100 * overlap.passages.share(), kPassageBytes,
        std::ceil(1000 * overlap.passages.share()) / 1000, allow_overlap, found));
  }
}

std::optional<TextAudit> stored_text_audit(const std::filesystem::path& manifest) {
  std::ifstream input(manifest);
  const json j = json::parse(input, nullptr, false);
  if (!j.is_object() || !j.contains("audit")) return std::nullopt;
  try {
    return text_audit_from(j["audit"]);
  } catch (const json::exception&) {  // whoever prepares the data again will say so
    return std::nullopt;
  }
}

json to_json(const TextAudit& audit) {
  json overlaps = json::array();
  for (const Overlap& o : audit.overlaps) {
    json documents = json::array();
    for (const LeakedDocument& d : o.documents) {
      documents.push_back({{"file", d.file},
                           {"line", d.line},
                           {"windows", count_to_json(d.windows)},
                           {"train_language", d.train_language},
                           {"train_file", d.train_file},
                           {"train_line", d.train_line}});
    }
    overlaps.push_back({{"language", o.language},
                        {"windows_of_50_bytes", count_to_json(o.bytes)},
                        {"windows_of_13_tokens", count_to_json(o.tokens)},
                        {"passages_of_200_bytes", count_to_json(o.passages)},
                        {"passages_in", o.passages_in},
                        {"documents", documents}});
  }
  return {{"overlaps", overlaps},
          {"languages", audit.languages},
          {"foreign", audit.foreign},
          {"seen", audit.seen}};
}

TextAudit text_audit_from(const json& j) {
  TextAudit audit;
  for (const json& o : j.at("overlaps")) {
    Overlap& overlap = audit.overlaps.emplace_back();
    o.at("language").get_to(overlap.language);
    overlap.bytes = count_from_json(o.at("windows_of_50_bytes"));
    overlap.tokens = count_from_json(o.at("windows_of_13_tokens"));
    overlap.passages = count_from_json(o.at("passages_of_200_bytes"));
    o.at("passages_in").get_to(overlap.passages_in);
    for (const json& d : o.at("documents"))
      overlap.documents.push_back({d.at("file"), d.at("line"), count_from_json(d.at("windows")),
                                   d.at("train_language"), d.at("train_file"), d.at("train_line")});
  }
  j.at("languages").get_to(audit.languages);
  // Of the first version there are neither.
  if (j.contains("foreign")) j["foreign"].get_to(audit.foreign);
  if (j.contains("seen")) j["seen"].get_to(audit.seen);
  return audit;
}

}  // namespace crosslaw::trainer
