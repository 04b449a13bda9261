#include "apps/commands/sweep_commands.h"

#include <fmt/format.h>

#include <ostream>
#include <sstream>
#include <stdexcept>

#include "apps/study/allocation_choices.h"
#include "apps/study/sweep_fits.h"
#include "apps/study/sweep_folder.h"
#include "fit/data/holdout_split.h"
#include "fit/write/fit_json.h"
#include "sweep/schedule/sweep_lock.h"

namespace crosslaw::apps {
namespace {

SweepFitOptions sweep_options(const FitCommandOptions& options) {
  if (!options.data.file.path.empty())
    throw std::invalid_argument("give a sweep's folder or --data, not both");
  SweepFitOptions result;
  result.count = find_params_count(options.count);
  result.points = find_point_choice(options.points);
  result.exact_flops = options.exact_flops;
  result.fit = options.data.fit;
  if (options.data.draws) result.fit.draws = *options.data.draws;
  result.fit.resampling = options.data.resampling.empty()
                              ? fit::Resampling::kClusters
                              : fit::find_resampling(options.data.resampling);
  result.only_law = options.data.fit.law == "extended" ? "two-stage" : options.data.fit.law;
  require_known_law(result.only_law);
  const std::vector<std::string>& holdout = options.evidence.holdout;
  if (!holdout.empty() && !fit::names_holdout_rule(holdout.front())) {
    throw std::invalid_argument(fmt::format(
        "--holdout {}: of a sweep it must be largest-compute, largest-params or rollout; crosslaw "
        "export writes its runs to a file with columns to hold out by",
        holdout.front()));
  }
  return result;
}

bool settings_of_run(const SweepFitOptions& options) {
  fit::FitOptions usual;
  const fit::FitOptions& o = options.fit;
  return options.count == ParamsCount::kAll && options.points == PointChoice::kAuto &&
         !options.exact_flops && options.only_law.empty() && o.huber_delta == usual.huber_delta &&
         o.starts == usual.starts && o.draws == usual.draws && o.seed == usual.seed &&
         o.resampling == fit::Resampling::kClusters;
}

// Stores the fits if they are those that crosslaw run would make and nobody else is writing.
void store_if_possible(const FitCommandOptions& options, const SweepFitOptions& settings,
                       const Observations& observations, const std::vector<PairFits>& fits,
                       std::ostream& log) {
  if (!settings_of_run(settings)) {
    log << "crosslaw fit: not stored, for the settings are not those of crosslaw run\n";
    return;
  }
  auto lock = sweep::SweepLock::try_take(options.directory);
  if (!lock) {
    log << fmt::format("crosslaw fit: not stored, for {} is running this sweep\n",
                       sweep::SweepLock::holder(options.directory));
    return;
  }
  db::RunStore store = db::RunStore::create(database_file(options.directory));
  store_fits(store, observations, fits);
}

DataOrigin origin_of(const FitCommandOptions& options, const Observations& observations,
                     const PairFits& pair, const fit::FitResult& fit) {
  DataOrigin origin;
  origin.source = fmt::format("{} ({})", options.directory, pair.pair.label());
  origin.rows = observations.runs().size();
  origin.used = static_cast<size_t>(fit.points);
  origin.params_column = describe(observations.count());
  origin.tokens_column = "target-language tokens";
  origin.loss_column = "loss_nats";
  return origin;
}

// The stored fit that an allocation goes by, nothing when the pair has none.
const fit::FitResult* fit_for_allocation(const PairFits& pair, const std::string& law) {
  if (law == "chinchilla") return pair.find("scratch");
  if (law == "joint") return pair.find("joint");
  if (const fit::FitResult* both = pair.find("two-stage")) return both;
  return pair.find("scratch");
}

// A stored fit under the exact compute of the runs: the coefficients do not depend on it.
fit::FitResult with_exact_flops(fit::FitResult fit, const Observations& observations,
                                const LanguagePair& pair) {
  const fit::Points points = observations.points(pair, PointChoice::kAll, true);
  fit.compute = fit::fit_compute(points);
  fit.convention = convention_of(observations, true);
  if (fit.coverage && !points.empty()) fit.coverage->flops = fit::coverage(points).flops;
  for (fit::FitResult& stage : fit.stages) {
    if (stage.coverage) stage.coverage->flops = fit.coverage->flops;
  }
  return fit;
}

// What an allocation says besides its rows, for one language.
nlohmann::ordered_json without_rows(nlohmann::ordered_json report, const std::string& language) {
  nlohmann::ordered_json out = {{"language", language}};
  report.erase("schema");
  report.erase("rows");
  out.update(report);
  return out;
}

}  // namespace

int run_fit_of_sweep(const FitCommandOptions& options, std::ostream& out, std::ostream& log) {
  SweepFitOptions settings = sweep_options(options);
  db::RunStore store = read_store(options.directory);
  Observations observations(store, settings.count);
  bool stored =
      settings_of_run(settings) && fits_are_current(store, observations) && !options.evidence.any();
  std::vector<PairFits> fits =
      stored ? stored_fits(store, observations)
             : fit_sweep(observations, settings,
                         [&](const std::string& message) { log << message << "\n"; });
  nlohmann::ordered_json json = {{"schema", 1}, {"fits", nlohmann::ordered_json::array()}};
  for (const PairFits& pair : fits) {
    for (const std::string& sentence : pair.missing) log << "crosslaw fit: " << sentence << "\n";
    for (const NamedFit& named : pair.fits) {
      DataOrigin origin = origin_of(options, observations, pair, named.fit);
      const Evidence evidence =
          gather_evidence(options.evidence, options.data, named.data, named.fit);
      if (!options.json) {
        print_fit(named.fit, origin, options, out, log, evidence);
        continue;
      }
      nlohmann::ordered_json entry = fit::to_json(named.fit, !options.no_draws);
      entry["language"] = pair.pair.label();
      entry["name"] = named.name;
      entry["data"] = to_json(origin);
      entry.update(evidence.json);
      json["fits"].push_back(std::move(entry));
    }
  }
  if (options.json) out << fit::pretty(json);
  if (!stored) store_if_possible(options, settings, observations, fits, log);
  bool any = false;
  for (const PairFits& pair : fits) any = any || !pair.fits.empty();
  return any ? 0 : 1;
}

int run_allocate_of_sweep(const AllocateCommandOptions& options, std::ostream& out,
                          std::ostream& log) {
  db::RunStore store = read_store(options.directory);
  Observations observations(store, ParamsCount::kAll);
  std::vector<PairFits> fits = stored_fits(store, observations);
  if (!fits_are_current(store, observations))
    log << fmt::format(
        "crosslaw allocate: the runs have gone on since the stored fits; crosslaw fit {} renews "
        "them\n",
        options.directory);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  nlohmann::ordered_json languages = nlohmann::ordered_json::array();
  int worst = 1;
  for (const PairFits& pair : fits) {
    const fit::FitResult* stored = fit_for_allocation(pair, options.data.fit.law);
    if (!stored) continue;
    const bool exact = options.exact_flops;
    const fit::FitResult fit = exact ? with_exact_flops(*stored, observations, pair.pair) : *stored;
    AllocateCommandOptions own = options;
    if (own.flops.empty()) own.flops = default_budgets(observations, pair.pair, exact);
    std::ostringstream text;
    if (print_allocation(fit, own, ladder_of(observations, exact), text, log) != 0) continue;
    worst = 0;
    if (options.json) {
      nlohmann::ordered_json report = nlohmann::ordered_json::parse(text.str());
      for (auto& row : report["rows"]) {
        row["language"] = pair.pair.label();
        rows.push_back(row);
      }
      languages.push_back(without_rows(std::move(report), pair.pair.label()));
    } else {
      if (!options.csv) out << pair.pair.label() << "\n\n";
      out << text.str() << (options.csv ? "" : "\n");
    }
  }
  if (fits.empty() || (worst == 1 && rows.empty()))
    log << fmt::format(
        "crosslaw allocate: {}: no usable fit is stored; crosslaw fit {} makes one\n",
        options.directory, options.directory);
  if (options.json && worst == 0)
    out << fit::pretty({{"schema", 1}, {"rows", rows}, {"languages", languages}});
  return worst;
}

}  // namespace crosslaw::apps
