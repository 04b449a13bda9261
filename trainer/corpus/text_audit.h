#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "trainer/corpus/overlap.h"

namespace crosslaw::trainer {

// What was found out about the texts, beside their tokens.
struct TextAudit {
  std::vector<Overlap> overlaps;  // one a validation text
  // Shares of guessed languages, by language and split; empty where nothing was guessed.
  std::map<std::string, std::map<std::string, std::map<std::string, double>>> languages;
  // By language and split: what of it is in other languages than its name says. Languages whose
  // names are no codes of the guesser are not judged.
  std::map<std::string, std::map<std::string, double>> foreign;
  std::map<std::string, TokenRanges> seen;  // of validation shards, where training text holds them
  std::vector<std::string> notes;           // in words, of what was looked at just now
};

inline constexpr int kTextAuditVersion = 3;  // what is looked at

// Looks for what validation texts share with training texts, and with `guess_languages` which
// languages all are in. The latter needs Python's package py3langid and a second to start it; that
// the package is missing is noted.
TextAudit look_at_texts(const std::vector<OverlapText>& texts, const std::string& text_field,
                        int64_t separator, bool bytes_are_tokens, bool guess_languages);

// Which languages the texts are in, alone: `languages` and `foreign` of a sample of each.
TextAudit guess_languages(const std::vector<OverlapText>& texts, const std::string& text_field);

// A loss on text that was trained on tells nothing, whatever the file is called. Throws
// std::invalid_argument when a validation file has the hash of a training file.
void refuse_same_bytes(const std::vector<OverlapText>& texts,
                       const std::function<std::string(const std::filesystem::path&)>& hash_of);

// Throws std::invalid_argument naming files and documents when a validation text shares more than
// this part of its passages; of less, documents that were seen whole are said. And where a text is
// to more than this part in other languages than its name says.
void require_clean(const TextAudit& audit, double allow_overlap, double allow_foreign,
                   const std::function<void(const std::string&)>& say);

// What is stored in the manifest.json of prepared data; nothing where there is none to read.
std::optional<TextAudit> stored_text_audit(const std::filesystem::path& manifest);

nlohmann::json to_json(const TextAudit& audit);
TextAudit text_audit_from(const nlohmann::json& j);

}  // namespace crosslaw::trainer
