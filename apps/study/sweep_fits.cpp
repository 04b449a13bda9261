#include "apps/study/sweep_fits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "apps/study/sweep_folder.h"
#include "db/files/content_hash.h"
#include "fit/write/fit_json.h"

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
      fmt::format("fits 2 {} {}\n", CROSSLAW_VERSION, static_cast<int>(observations.count()));
  for (const fit::Point& p : observations.points(pair, PointChoice::kAuto)) {
    text += fmt::format("{} {} {} {} {}\n", p.params, p.tokens, p.loss, p.cluster,
                        static_cast<int>(p.stage));
  }
  return db::sha256(text);
}

void note_mid_schedule(fit::FitResult& fit) {
  fit.problems.emplace_back(
      "every size has one token budget, so losses in mid-schedule are used as points; their law "
      "differs from that of finished "
      "schedules, and the points of one run are not independent");
}

}  // namespace

const fit::FitResult* PairFits::find(const std::string& name) const {
  for (const NamedFit& named : fits) {
    if (named.name == name) return &named.fit;
  }
  return nullptr;
}

fit::Convention convention_of(const Observations& observations, bool exact_flops) {
  return {describe(observations.count()), exact_flops ? "exact FLOPs of the runs" : "6ND"};
}

std::vector<PairFits> fit_sweep(const Observations& observations, const SweepFitOptions& options,
                                const std::function<void(const std::string&)>& say) {
  std::vector<PairFits> all;
  for (const LanguagePair& pair : observations.pairs()) {
    PairFits result{pair, {}, observations.left_out(pair)};
    fit::Points points = observations.points(pair, options.points, options.exact_flops);
    bool middle = options.points == PointChoice::kAuto &&
                  observations.resolve(pair, options.points) == PointChoice::kAll;
    for (const Method& method : methods_of(options.only_law)) {
      if (method.needs_continued && pair.continued.empty()) continue;
      say(fmt::format("fitting {} ({}): {} points, {} bootstrap refits", pair.label(), method.name,
                      points.size(), options.fit.draws));
      fit::FitOptions settings = options.fit;
      settings.law = method.law;
      try {
        fit::DataFile data;
        data.points =
            method.needs_continued ? points : fit::select_stage(points, fit::Stage::kScratch);
        data.clusters = observations.cluster_names(pair, options.points);
        result.fits.push_back({method.name, fit::fit_law(data.points, settings), std::move(data)});
        result.fits.back().fit.convention = convention_of(observations, options.exact_flops);
        if (middle) note_mid_schedule(result.fits.back().fit);
      } catch (const std::invalid_argument& error) {
        result.missing.push_back(
            fmt::format("{} ({}): no fit: {}", pair.label(), method.name, error.what()));
      }
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
    for (const Method& method : kMethods) {
      for (const db::FitRow& row : rows) {
        if (row.language != pair.label() || row.name != method.name) continue;
        result.fits.push_back(
            {method.name,
             fit::fit_from_json(nlohmann::json::parse(row.result), "the stored fit " + row.name),
             {}});
      }
    }
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
  }
}

}  // namespace crosslaw::apps
