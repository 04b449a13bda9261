#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "apps/study/compute_count.h"
#include "db/run_store.h"
#include "fit/data/points.h"

namespace crosslaw::apps {

// Which parameters count as N.
enum class ParamsCount { kAll, kWithoutEmbeddings, kBudget };
std::string describe(ParamsCount count);
ParamsCount find_params_count(const std::string& name);  // all, no-embeddings, budget
double params_of(const db::RunResultRow& run, ParamsCount count);

// Which validation losses become points: those at the end of a schedule, or all after the first
// tenth of their run. kAuto takes the ends, unless every size has but one budget.
enum class PointChoice { kAuto, kEnds, kAll };
// Losses of the first tenth of a run are those of warm-up, not of the law.
inline constexpr double kFirstShare = 0.1;
// Whether ends of schedules (N, D) stand at several budgets for some size: only then do they tell
// the law's data term from its size term.
bool has_several_budgets(const std::vector<std::pair<double, double>>& ends);
PointChoice find_point_choice(const std::string& name);  // auto, ends, all

// Tokens per parameter within this ratio are one budget: sizes, batches and steps are whole
// numbers.
inline constexpr double kOneBudgetRatio = 1.2;
// Tokens within this ratio differ only by rounding to whole batches.
inline constexpr double kSameTokensRatio = 1.02;

// A target language: its runs from scratch and, where there are any, those that continue a model of
// another language.
struct LanguagePair {
  std::string language, source_language;
  std::string scratch, continued;  // names of strategies; continued may be empty
  double replay = 0;               // of the continued runs
  std::optional<double> base;      // their base budget, where their strategy has several
  bool by_name = false;            // several strategies would be called the same
  // fr, or fr+0.1 with replay, fr@5 of a base budget; fr (NAME) where the strategy must be told.
  std::string label() const;
};

// One measured loss on the run's own language.
struct Measurement {
  const db::RunResultRow* run = nullptr;
  double params = 0;
  int64_t tokens = 0;       // of the target language
  double flops = 0;         // exact, of all tokens
  double target_flops = 0;  // exact, of the target-language tokens: the part of D
  double loss = 0;          // nats per token
  bool end = false;         // of the schedule
  // Where a part of the validation text stands in training text: the losses on it and on the rest.
  std::optional<double> loss_seen, loss_clean;
  double seen_share = 0;  // of the validation tokens

  // C of the target-language tokens.
  double flops_of(ComputeCount count) const;
};

// Everything the fits and the report need of a sweep, read in one go.
class Observations {
 public:
  Observations(const db::RunStore& store, ParamsCount count);

  // Where a strategy continues several base budgets, each is a strategy here: "continued@5".
  const std::vector<db::RunResultRow>& runs() const { return runs_; }
  const std::vector<LanguagePair>& pairs() const { return pairs_; }
  ParamsCount count() const { return count_; }

  // Finite losses of a strategy's runs that ended well, by run and tokens.
  std::vector<Measurement> of_strategy(const std::string& strategy, double replay) const;
  // Of those, the ones that the fits of the pair use: kAuto of points().
  std::vector<Measurement> fitted(const LanguagePair& pair, const std::string& strategy,
                                  double replay) const;
  // Losses of continued runs on the language they came from.
  std::vector<Measurement> on_source_language(const std::string& strategy, double replay) const;
  // Loss on the source language of the model that a continued run started from, at the end of that
  // model's run. Nothing where that model, or its loss, is not of this sweep.
  std::optional<double> source_model_loss(const db::RunResultRow& run) const;
  // Tokens that this model had seen; nothing where it is not of this sweep.
  std::optional<double> source_model_tokens(const db::RunResultRow& run) const;
  // Runs of the pair that gave no point, by outcome: they failed, diverged or are not done.
  std::vector<std::string> left_out(const LanguagePair& pair) const;

  // Points of both strategies; losses of one run share a cluster, and runs of one size and seed
  // that share a trunk (wsd). With exact_flops they carry their measured compute, of the
  // target-language tokens alone, as D counts those alone.
  fit::Points points(const LanguagePair& pair, PointChoice choice, bool exact_flops = false) const;
  // What the run of each cluster of points() is called: "scratch-fr 2.1M, seed 1".
  std::vector<std::string> cluster_names(const LanguagePair& pair, PointChoice choice) const;
  // What kAuto means for this pair.
  PointChoice resolve(const LanguagePair& pair, PointChoice choice) const;

 private:
  // A run as the points of a fit see it; runs that share a trunk belong together.
  using RunId =
      std::tuple<std::string, std::string, int64_t, int64_t>;  // strategy, size, seed, run
  RunId run_id_of(const Measurement& m) const;
  std::map<RunId, int> clusters(const LanguagePair& pair, PointChoice choice) const;
  std::vector<Measurement> chosen(const std::string& strategy, double replay, bool all) const;
  std::vector<Measurement> measurements(const std::string& strategy, double replay,
                                        bool own_language) const;

  ParamsCount count_;
  std::vector<db::RunResultRow> runs_;
  std::vector<db::ObservationRow> evals_;
  std::map<std::int64_t, std::int64_t> parent_of_;  // run ids; of runs that start from another
  std::set<std::int64_t> share_trunk_;              // run ids; of those that may
  std::vector<LanguagePair> pairs_;
};

}  // namespace crosslaw::apps
