#include "sweep/plan/plan_changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "db/files/run_folders.h"

namespace crosslaw::sweep {
namespace {

using nlohmann::json;

constexpr std::size_t kHashShown = 12;  // of a hash's 64 digits
constexpr std::size_t kNamesShown = 3;

// Leaves of the recipe by a name that people know: hashes tell which text, not which index.
void flatten(const json& value, const std::string& path, std::map<std::string, std::string>& out) {
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items())
      flatten(inner, path.empty() ? key : path + "." + key, out);
    return;
  }
  if (!value.is_array()) {
    out[path] = value.is_string() ? value.get<std::string>() : value.dump();
    return;
  }
  // Parts of the mixture and validation sets, each of a language.
  for (const json& part : value) {
    const std::string language = part.value("language", "");
    const char* text = path == "mixture" ? "training" : "validation";
    out[fmt::format("the {} text of {}", text, language)] = part.value("sha256", "");
    if (part.contains("share"))
      out[fmt::format("the share of {}", language)] = part["share"].dump();
  }
}

std::map<std::string, std::string> fields_of(const std::string& recipe) {
  std::map<std::string, std::string> fields;
  const json parsed = json::parse(recipe, nullptr, false);
  if (parsed.is_object()) flatten(parsed, "", fields);
  const auto rename = [&](const char* from, const char* to) {
    if (auto node = fields.extract(from)) {
      node.key() = to;
      fields.insert(std::move(node));
    }
  };
  rename("tokenizer_sha256", "the tokenizer");
  rename("init.parent", "the run that it continues");
  return fields;
}

std::string shown(const std::string& value) {
  return db::is_run_key(value) ? value.substr(0, kHashShown) : value;
}

std::string reason_of(const RetiredRun& run) {
  std::vector<std::string> fields;
  for (const RecipeChange& change : run.changes) fields.push_back(change.field);
  return fmt::format("{}", fmt::join(fields, ", "));
}

std::string counted(std::size_t count) {
  return count == 1 ? "1 run" : fmt::format("{} runs", count);
}

std::string first_names(const std::vector<std::string>& names) {
  const std::size_t some = std::min(names.size(), kNamesShown);
  return fmt::format("{}{}",
                     fmt::join(names.begin(), names.begin() + static_cast<long>(some), ", "),
                     names.size() > some ? ", ..." : "");
}

// The run's name with its seed, which names have only where a size has several.
std::string name_and_seed(const db::RunRow& run) {
  const std::string seed = fmt::format(" seed{}", run.seed);
  std::string name = run.name;
  if (const std::size_t at = name.find(seed); at != name.npos) name.erase(at, seed.size());
  return name + seed;
}

}  // namespace

int64_t PlanChanges::finished_retired() const {
  return std::count_if(retired.begin(), retired.end(),
                       [](const RetiredRun& run) { return run.finished; });
}

double PlanChanges::seconds_retired() const {
  double seconds = 0;
  for (const RetiredRun& run : retired) seconds += run.finished ? run.seconds : 0;
  return seconds;
}

std::vector<RecipeChange> recipe_changes(const std::string& before, const std::string& after) {
  const std::map<std::string, std::string> old = fields_of(before), now = fields_of(after);
  std::set<std::string> names;
  for (const auto* fields : {&old, &now}) {
    for (const auto& [name, value] : *fields) names.insert(name);
  }
  const auto value_in = [](const std::map<std::string, std::string>& fields,
                           const std::string& name) {
    const auto found = fields.find(name);
    return found == fields.end() ? "none" : shown(found->second);
  };
  std::vector<RecipeChange> changes;
  for (const std::string& name : names) {
    RecipeChange change{name, value_in(old, name), value_in(now, name)};
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

PlanChanges plan_changes(const db::RunStore& store, const std::vector<db::RunRow>& planned) {
  PlanChanges changes;
  std::set<std::string> wanted;
  std::map<std::string, const db::RunRow*> by_name;
  const std::set<std::string> known = store.keys();
  for (const db::RunRow& run : planned) {
    wanted.insert(run.key);
    by_name[name_and_seed(run)] = &run;
    if (known.contains(run.key)) {
      ++changes.kept;
    } else {
      changes.added.push_back(run.name);
    }
  }
  const std::vector<db::KnownRun> before = store.known_runs();
  const bool all_stay = std::all_of(before.begin(), before.end(), [&](const db::KnownRun& run) {
    return wanted.contains(run.key);
  });
  if (all_stay) return changes;  // whole rows are long, and read only for runs that leave
  std::map<int64_t, db::RunResultRow> results;
  for (const db::RunResultRow& result : store.results()) results[result.run_id] = result;
  for (const db::RunRow& run : store.runs()) {
    if (wanted.contains(run.key)) continue;
    const db::RunResultRow& result = results[run.id];
    RetiredRun retired{run.name, db::is_final(result.outcome), result.seconds.value_or(0), {}};
    if (const auto now = by_name.find(name_and_seed(run)); now != by_name.end())
      retired.changes = recipe_changes(run.recipe, now->second->recipe);
    changes.retired.push_back(std::move(retired));
  }
  return changes;
}

std::vector<std::string> describe(const PlanChanges& changes) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("kept: {}", counted(static_cast<std::size_t>(changes.kept))));
  if (!changes.added.empty())
    lines.push_back(
        fmt::format("added: {} ({})", counted(changes.added.size()), first_names(changes.added)));
  if (changes.retired.empty()) return lines;
  lines.push_back(fmt::format("retired: {}, {} of them finished", counted(changes.retired.size()),
                              changes.finished_retired()));
  std::map<std::string, std::vector<const RetiredRun*>> by_reason;
  for (const RetiredRun& run : changes.retired) by_reason[reason_of(run)].push_back(&run);
  for (const auto& [reason, runs] : by_reason) {
    std::vector<std::string> names, values;
    for (const RetiredRun* run : runs) names.push_back(run->name);
    for (const RecipeChange& change : runs.front()->changes)
      values.push_back(fmt::format("{}: {} -> {}", change.field, change.before, change.after));
    lines.push_back(values.empty()
                        ? fmt::format("  {}, for which the spec no longer asks: {}",
                                      counted(runs.size()), first_names(names))
                        : fmt::format("  {} for another recipe; of {}: {}", counted(runs.size()),
                                      names.front(), fmt::join(values, ", ")));
  }
  return lines;
}

}  // namespace crosslaw::sweep
