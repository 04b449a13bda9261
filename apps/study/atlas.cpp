#include "apps/study/atlas.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "apps/study/dataset.h"
#include "apps/study/holdout_plan.h"
#include "apps/study/kinds_of_runs.h"
#include "apps/study/source_text.h"
#include "fit/data/closest_name.h"
#include "fit/data/column_role.h"
#include "fit/data/records.h"
#include "fit/laws/law.h"

namespace crosslaw::apps {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kIndex = "atlas.json";
constexpr double kSameValue = 0.01;

// The keys of an entry that are one text each.
std::vector<std::pair<const char*, std::string*>> texts_of(AtlasTable& table) {
  fit::DataFileOptions& file = table.file;
  return {{"study", &table.study},
          {"file", &file.path},
          {"training", &table.training},
          {"law", &table.law},
          {"holdout", &table.holdout},
          {"note", &table.note},
          {"licence", &table.licence},
          {"citation", &table.citation},
          {"params", &file.params},
          {"tokens", &file.tokens},
          {"loss", &file.loss},
          {"compute", &file.compute},
          {"cluster", &file.cluster},
          {"weight", &file.weight},
          {"unique", &file.unique},
          {"ratio", &file.ratio},
          {"replay", &file.replay},
          {"base_tokens", &file.base_tokens},
          {"loss_before", &file.loss_before},
          {"stage", &file.stage},
          {"params_unit", &file.params_unit},
          {"tokens_unit", &file.tokens_unit},
          {"flops_unit", &file.flops_unit},
          {"loss_unit", &file.loss_unit}};
}

std::string text_at(const Json& value, const std::string& what) {
  if (value.is_string()) return value.get<std::string>();
  throw std::invalid_argument(fmt::format("{} must be a text", what));
}

AtlasTable read_entry(const Json& json, const std::string& where, const fs::path& folder) {
  if (!json.is_object()) throw std::invalid_argument(where + " must be an object");
  AtlasTable out;
  const auto texts = texts_of(out);
  std::vector<std::string> known = {"where"};
  for (const auto& [key, text] : texts) known.emplace_back(key);
  for (const auto& item : json.items()) {
    const std::string& key = item.key();
    const Json& value = item.value();
    const std::string what = fmt::format("{}: {}", where, key);
    if (key == "where") {
      if (!value.is_array()) throw std::invalid_argument(what + " must be a list of conditions");
      for (const Json& each : value) out.file.where.push_back(text_at(each, what));
      continue;
    }
    const auto found = std::find_if(texts.begin(), texts.end(),
                                    [&](const auto& each) { return key == each.first; });
    if (found == texts.end()) {
      throw std::invalid_argument(
          fmt::format("{} is no key{}", what, fit::did_you_mean(key, known)));
    }
    *found->second = text_at(value, what);
  }
  if (out.file.path.empty()) throw std::invalid_argument(where + ": file is missing");
  fit::law_of_fit(out.law);  // throws naming the known ones
  if (out.study.empty()) out.study = out.file.path;
  out.file.path = folder / out.file.path;
  return out;
}

std::vector<AtlasTable> read_index(const fs::path& folder) {
  const std::string name = folder / kIndex;
  std::ifstream in(name);
  const Json json = Json::parse(in, nullptr, false);
  if (json.is_discarded() || !json.is_object() || !json.contains("tables") ||
      !json["tables"].is_array()) {
    throw std::invalid_argument(name + ": expected {\"schema\": 1, \"tables\": [...]}");
  }
  if (json.value("schema", Json(1)) != 1) {
    throw std::invalid_argument(name + ": schema must be 1");
  }
  std::vector<AtlasTable> out;
  for (const Json& each : json["tables"]) {
    out.push_back(read_entry(each, fmt::format("{}: table {}", name, out.size() + 1), folder));
  }
  return out;
}

// Notes, fits and other text may stand beside the tables: of endings that are not those of tables
// alone, only what has columns of losses and of N or D is one.
bool is_table(const fs::path& path) {
  static const std::set<std::string> kMayBeText = {".md", ".txt", ".json"};
  if (!has_table_ending(path)) return false;
  const bool packed = path.extension() == ".gz" || path.extension() == ".zst";
  const fs::path bare = packed ? path.stem() : path.filename();
  if (packed && !has_table_ending(bare)) return false;
  if (!kMayBeText.contains(bare.extension())) return true;
  try {
    const fit::Records records = fit::parse_records(read_source_text(path), path, {});
    if (records.rows.empty()) return false;
    const auto has = [&](fit::Role role) {
      for (std::size_t c = 0; c < records.columns.size(); ++c) {
        const std::string& column = records.columns[c];
        // A key deep inside others (fits.c4.alloc.D) is an answer, not a run's.
        const bool deep = std::count(column.begin(), column.end(), '.') > 1;
        const bool number = fit::parse_number(records.rows.front()[c], records.mark).has_value();
        if (!deep && number && fit::role_rank(column, role) > 0) return true;
      }
      return false;
    };
    return has(fit::Role::kLoss) && (has(fit::Role::kParams) || has(fit::Role::kTokens));
  } catch (const std::invalid_argument&) {
    return false;
  }
}

std::vector<AtlasTable> guessed_index(const fs::path& folder) {
  std::vector<AtlasTable> out;
  for (const fs::directory_entry& each : fs::directory_iterator(folder)) {
    if (!each.is_regular_file() || !is_table(each.path())) continue;
    AtlasTable table;
    const fs::path stem = each.path().stem();
    table.study = has_table_ending(stem) ? stem.stem() : stem;  // of runs.csv.gz
    table.file.path = each.path();
    out.push_back(std::move(table));
  }
  std::sort(out.begin(), out.end(),
            [](const AtlasTable& a, const AtlasTable& b) { return a.study < b.study; });
  return out;
}

int distinct(const fit::Points& points, double fit::Point::*field) {
  std::vector<double> logs;
  for (const fit::Point& each : points) logs.push_back(std::log(each.*field));
  std::sort(logs.begin(), logs.end());
  int out = 0;
  double last = 0;
  for (const double each : logs) {
    if (out > 0 && each - last <= kSameValue) continue;
    last = each;
    ++out;
  }
  return out;
}

}  // namespace

std::vector<AtlasTable> read_atlas(const std::string& folder) {
  if (!fs::is_directory(folder)) {
    throw std::invalid_argument(folder + ": there is no such folder of tables");
  }
  std::vector<AtlasTable> out =
      fs::is_regular_file(fs::path(folder) / kIndex) ? read_index(folder) : guessed_index(folder);
  if (out.empty()) throw std::invalid_argument(folder + ": there is no table");
  return out;
}

std::string bundled_atlas() {
  const fs::path above = fs::read_symlink("/proc/self/exe").parent_path().parent_path();
  // build/apps/crosslaw of a checkout stands as deep as its build folder does.
  for (const fs::path& each : {above / "share/crosslaw/scaling", above / "tests/data/scaling",
                               above.parent_path() / "tests/data/scaling"}) {
    if (fs::is_directory(each)) return each;
  }
  throw std::runtime_error("the tables that come with crosslaw are not there; name a folder");
}

const fit::Coefficient* AtlasEntry::gamma() const {
  return fit && fit->law->has(fit::kCrossExponent) ? &fit->coefficient(fit::kCrossExponent)
                                                   : nullptr;
}

std::string AtlasEntry::why_open() const {
  if (!refused.empty()) return refused;
  if (!fit) return "";
  if (!fit->confounded.empty()) return fit->confounded;
  if (const fit::Coefficient* own = gamma(); own != nullptr && !own->identifiable) {
    return own->verdict.reason;
  }
  for (const fit::Coefficient& each : fit->coefficients) {
    if (!each.identifiable) return each.verdict.reason;
  }
  return "";
}

AtlasEntry refit(const AtlasTable& table, const fit::FitOptions& options) {
  AtlasEntry out;
  out.table = table;
  fit::FitOptions settings = options;
  settings.law = table.law;
  Dataset data;
  const fit::Points& points = data.data.points;
  try {
    data = dataset_of_text(read_source_text(table.file.path), table.file);
    out.notes = data.data.notes;
    for (const fit::Doubt& doubt : data.data.doubts) out.warnings.push_back(doubt.sentence);
    for (std::string& each : pooled_kinds(data)) out.warnings.push_back(std::move(each));
    out.points = static_cast<int>(points.size());
    out.sizes = distinct(points, &fit::Point::params);
    out.token_counts = distinct(points, &fit::Point::tokens);
    out.fit = fit::fit_law(points, settings);
  } catch (const std::invalid_argument& error) {
    out.refused = error.what();
    return out;
  }
  if (!out.fit->confounded.empty()) {
    out.no_holdout = "on a ray every law forecasts alike";
    return out;
  }
  try {
    fit::HoldoutOptions asked;
    asked.fit = settings;
    out.holdout = fit::hold_out(points, holdout_plan(data, {table.holdout}), asked);
  } catch (const std::invalid_argument& error) {
    out.no_holdout = error.what();
  }
  return out;
}

}  // namespace crosslaw::apps
