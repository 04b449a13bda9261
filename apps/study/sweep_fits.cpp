#include "apps/study/sweep_fits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "apps/study/fit_choice.h"
#include "apps/study/sweep_folder.h"
#include "db/files/content_hash.h"
#include "db/read_only_copy.h"
#include "fit/write/fit_json.h"
#include "sweep/schedule/sweep_lock.h"

namespace crosslaw::apps {
namespace {

struct Method {
  std::string name;
  std::string law;
  bool needs_continued;
};

// The fits that crosslaw run makes and stores.
const std::array<Method, 3> kMethods = {
    {{"scratch", "chinchilla", false}, {"two-stage", "two-stage", true}, {"joint", "joint", true}}};

std::vector<Method> methods_of(const std::string& only_law) {
  std::vector<Method> out;
  for (const Method& method : kMethods) {
    if (only_law.empty() || only_law == method.law) out.push_back(method);
  }
  if (out.empty()) out.push_back({only_law, only_law, false});
  return out;
}

// What the fits of a pair depend on; the version changes when the fits themselves do.
std::string input_hash(const Observations& observations, const LanguagePair& pair) {
  std::string text =
      fmt::format("fits 5 {} {}\n", CROSSLAW_VERSION, static_cast<int>(observations.count()));
  for (const fit::Point& p : observations.points(pair, PointChoice::kAuto)) {
    text += fmt::format("{} {} {} {} {}\n", p.params, p.tokens, p.loss, p.cluster,
                        static_cast<int>(p.stage));
  }
  return db::sha256(text);
}

// Beside the fits of a pair rows of these names say which of them answers, and hold its
// LawContrast.
constexpr const char* kChoiceName = "choice";
constexpr const char* kContrastName = "contrast";

FitChoice choice_from_json(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  return {json.at("name"), json.at("reason"), json.at("brief")};
}

Dataset points_for(const Method& method, const Dataset& both) {
  return method.needs_continued ? both : only_stage(both, fit::Stage::kScratch);
}

void note_mid_schedule(fit::FitResult& fit) {
  fit.problems.emplace_back(
      "every size has one token budget, so losses in mid-schedule are used as points; their law "
      "differs from that of finished "
      "schedules, and the points of one run are not independent");
}

}  // namespace

std::vector<PairFits> fit_sweep(const Observations& observations, const SweepFitOptions& options,
                                const std::function<void(const std::string&)>& say) {
  std::vector<PairFits> all;
  for (const LanguagePair& pair : observations.pairs()) {
    PairFits result{pair, {}, observations.left_out(pair)};
    const Dataset both = dataset_of_pair(observations, pair, options.points, options.exact_flops);
    bool middle = options.points == PointChoice::kAuto &&
                  observations.resolve(pair, options.points) == PointChoice::kAll;
    for (const Method& method : methods_of(options.only_law)) {
      if (method.needs_continued && pair.continued.empty()) continue;
      say(fmt::format("fitting {} ({}): {} points, {} bootstrap refits", pair.label(), method.name,
                      both.data.points.size(), options.fit.draws));
      fit::FitOptions settings = options.fit;
      settings.law = method.law;
      try {
        Dataset own = points_for(method, both);
        fit::FitResult fit = fit::fit_law(own.data.points, settings);
        fit.convention = own.convention;
        result.fits.push_back({method.name, std::move(fit), std::move(own)});
        if (middle) note_mid_schedule(result.fits.back().fit);
      } catch (const std::invalid_argument& error) {
        result.missing.push_back(
            fmt::format("{} ({}): no fit: {}", pair.label(), method.name, error.what()));
      }
    }
    result.choice = choose_fit(result.fits, options.fit);
    if (!pair.continued.empty() && options.only_law.empty() && !both.data.points.empty()) {
      say(fmt::format("fitting {} (both laws on both sets)", pair.label()));
      result.contrast = law_contrast(both, options.fit);
    }
    all.push_back(std::move(result));
  }
  return all;
}

std::vector<PairFits> stored_fits(const db::RunStore& store, const Observations& observations) {
  std::vector<PairFits> all;
  std::vector<db::FitRow> rows = store.fits();
  for (const LanguagePair& pair : observations.pairs()) {
    PairFits result{pair, {}, observations.left_out(pair)};
    const Dataset both = dataset_of_pair(observations, pair, PointChoice::kAuto, false);
    for (const db::FitRow& row : rows) {
      if (row.language == pair.label() && row.name == kChoiceName)
        result.choice = choice_from_json(row.result);
      if (row.language == pair.label() && row.name == kContrastName)
        result.contrast = law_contrast_from_json(nlohmann::json::parse(row.result));
    }
    for (const Method& method : kMethods) {
      for (const db::FitRow& row : rows) {
        if (row.language != pair.label() || row.name != method.name) continue;
        result.fits.push_back(
            {method.name,
             fit::fit_from_json(nlohmann::json::parse(row.result), "the stored fit " + row.name),
             points_for(method, both)});
      }
    }
    // Of older versions, which stored no choice.
    if (result.choice.name.empty()) result.choice = only_choice(result.fits);
    all.push_back(std::move(result));
  }
  return all;
}

bool fits_are_current(const db::RunStore& store, const Observations& observations) {
  std::map<std::string, std::string> hashes;
  for (const db::FitRow& row : store.fits()) hashes[row.language] = row.input_sha256;
  return std::all_of(
      observations.pairs().begin(), observations.pairs().end(), [&](const LanguagePair& pair) {
        auto found = hashes.find(pair.label());
        return found != hashes.end() && found->second == input_hash(observations, pair);
      });
}

void store_fits(db::RunStore& store, const Observations& observations,
                const std::vector<PairFits>& fits) {
  for (const PairFits& pair : fits) {
    std::string hash = input_hash(observations, pair.pair);
    for (const NamedFit& named : pair.fits) {
      store.save_fit({pair.pair.label(), named.name, hash, fit::to_json(named.fit, true).dump()},
                     now_ms());
    }
    if (pair.contrast) {
      store.save_fit({pair.pair.label(), kContrastName, hash, to_json(*pair.contrast).dump()},
                     now_ms());
    }
    if (pair.fits.empty()) continue;
    const nlohmann::ordered_json choice = {
        {"name", pair.choice.name}, {"reason", pair.choice.reason}, {"brief", pair.choice.brief}};
    store.save_fit({pair.pair.label(), kChoiceName, hash, choice.dump()}, now_ms());
  }
}

bool are_usual(const SweepFitOptions& options) {
  const SweepFitOptions usual;
  const fit::FitOptions& own = options.fit;
  return options.count == usual.count && options.points == usual.points &&
         options.exact_flops == usual.exact_flops && options.only_law.empty() &&
         own.huber_delta == usual.fit.huber_delta && own.auto_delta == usual.fit.auto_delta &&
         own.starts == usual.fit.starts && own.draws == usual.fit.draws &&
         own.seed == usual.fit.seed && own.resampling == usual.fit.resampling &&
         own.constraints.empty() && own.over_weight == usual.fit.over_weight;
}

FolderFits fits_of_folder(const std::string& folder, const SweepFitOptions& options, bool refit,
                          const std::function<void(const std::string&)>& say) {
  const db::RunStore store = read_store(folder);
  const Observations observations(store, options.count);
  const bool usual = are_usual(options);
  if (usual && !refit && fits_are_current(store, observations)) {
    return {stored_fits(store, observations), ""};
  }
  FolderFits out{fit_sweep(observations, options, say), ""};
  if (!usual) {
    out.not_stored = "the settings are not those of crosslaw run";
    return out;
  }
  // Looking needs no right to write.
  if (!db::is_in_writable_folder(database_file(folder))) {
    out.not_stored = "nothing can be written in " + folder;
    return out;
  }
  // A running sweep stores its own fits at its end, and SQLite has one writer at a time.
  const auto lock = sweep::SweepLock::try_take(folder);
  if (!lock) {
    out.not_stored = sweep::SweepLock::holder(folder) + " is running this sweep";
    return out;
  }
  db::RunStore writable = db::RunStore::create(database_file(folder));
  store_fits(writable, observations, out.fits);
  return out;
}

}  // namespace crosslaw::apps
