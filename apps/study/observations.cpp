#include "apps/study/observations.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

namespace crosslaw::apps {
namespace {

// Models that had seen different amounts of text lead to different curves, and to fits of their
// own.
std::vector<db::RunResultRow> apart_by_base(std::vector<db::RunResultRow> runs) {
  // Nor are runs at other learning rates and batches points of one law.
  std::erase_if(runs, [](const db::RunResultRow& run) { return run.search; });
  std::map<std::string, std::set<double>> bases;  // of each strategy
  for (const db::RunResultRow& run : runs) {
    if (run.base_tokens_per_param) bases[run.strategy].insert(*run.base_tokens_per_param);
  }
  for (db::RunResultRow& run : runs) {
    if (run.base_tokens_per_param && bases[run.strategy].size() > 1) {
      run.strategy += fmt::format("@{:g}", *run.base_tokens_per_param);
    } else {
      run.base_tokens_per_param.reset();
    }
  }
  return runs;
}

std::vector<LanguagePair> find_pairs(const std::vector<db::RunResultRow>& runs) {
  std::map<std::string, std::string> scratch_of;  // language -> strategy
  std::set<std::string> sources;
  for (const db::RunResultRow& run : runs) {
    if (run.source_language) {
      sources.insert(*run.source_language);
    } else {
      scratch_of.emplace(run.language, run.strategy);
    }
  }
  std::vector<LanguagePair> pairs;
  std::set<std::pair<std::string, double>> seen;
  std::set<std::string> paired;
  for (const db::RunResultRow& run : runs) {
    if (!run.source_language || !scratch_of.contains(run.language)) continue;
    if (!seen.insert({run.strategy, run.replay}).second) continue;
    pairs.push_back({run.language, *run.source_language, scratch_of.at(run.language), run.strategy,
                     run.replay, run.base_tokens_per_param});
    paired.insert(run.language);
  }
  for (const auto& [language, strategy] : scratch_of) {
    if (!paired.contains(language) && !sources.contains(language))
      pairs.push_back({language, "", strategy, "", 0, std::nullopt});
  }
  // Of two source languages, say: what is stored and shown goes by the label.
  std::map<std::string, int> times;
  for (const LanguagePair& pair : pairs) ++times[pair.label()];
  for (LanguagePair& pair : pairs) pair.by_name = times[pair.label()] > 1;
  return pairs;
}

std::map<std::int64_t, std::int64_t> find_parents(const std::vector<db::KnownRun>& runs) {
  std::map<std::string, std::int64_t> id_of;
  for (const db::KnownRun& run : runs) id_of[run.key] = run.id;
  std::map<std::int64_t, std::int64_t> parents;
  for (const db::KnownRun& run : runs) {
    if (run.parent_key && id_of.contains(*run.parent_key))
      parents[run.id] = id_of.at(*run.parent_key);
  }
  return parents;
}

// Until its cooldown a wsd run of one size and seed is every longer one's beginning; cosine runs of
// other lengths differ from their first step.
std::set<std::int64_t> find_trunks(const db::RunStore& store) {
  return store.runs_with("$.schedule.kind", "wsd");
}

}  // namespace

std::string describe(ParamsCount count) {
  switch (count) {
    case ParamsCount::kAll:
      return "all parameters, a tied embedding counted once";
    case ParamsCount::kWithoutEmbeddings:
      return "parameters without embedding and unembedding";
    case ParamsCount::kBudget:
      return "the parameters that token budgets multiply (nominal_params of the ladder, else all)";
  }
  return "";
}

bool has_several_budgets(const std::vector<std::pair<double, double>>& ends) {
  std::map<double, double> least;  // of the tokens of each size
  for (const auto& [params, tokens] : ends) {
    const auto found = least.try_emplace(params, tokens).first;
    found->second = std::min(found->second, tokens);
  }
  return std::any_of(ends.begin(), ends.end(), [&](const auto& end) {
    return end.second > kOneBudgetRatio * least.at(end.first);
  });
}

double Measurement::flops_of(ComputeCount count) const {
  return count == ComputeCount::kExact ? target_flops : 6 * params * static_cast<double>(tokens);
}

ParamsCount find_params_count(const std::string& name) {
  if (name == "all") return ParamsCount::kAll;
  if (name == "no-embeddings") return ParamsCount::kWithoutEmbeddings;
  if (name == "budget") return ParamsCount::kBudget;
  throw std::invalid_argument(
      fmt::format("--count {}: must be all, no-embeddings or budget", name));
}

double params_of(const db::RunResultRow& run, ParamsCount count) {
  int64_t inner = run.params_blocks + run.params_norms;
  if (count == ParamsCount::kWithoutEmbeddings) return static_cast<double>(inner);
  if (count == ParamsCount::kBudget) return static_cast<double>(run.params_budget);
  return static_cast<double>(inner + run.params_embedding + run.params_unembedding);
}

PointChoice find_point_choice(const std::string& name) {
  if (name == "auto") return PointChoice::kAuto;
  if (name == "ends") return PointChoice::kEnds;
  if (name == "all") return PointChoice::kAll;
  throw std::invalid_argument(fmt::format("--points {}: must be auto, ends or all", name));
}

std::string LanguagePair::label() const {
  return language + (replay > 0 ? fmt::format("+{:g}", replay) : "") +
         (base ? fmt::format("@{:g}", *base) : "") +
         (by_name ? fmt::format(" ({})", continued) : "");
}

Observations::Observations(const db::RunStore& store, ParamsCount count)
    : count_(count),
      runs_(apart_by_base(store.results())),
      evals_(store.evals()),
      parent_of_(find_parents(store.known_runs())),
      share_trunk_(find_trunks(store)),
      pairs_(find_pairs(runs_)) {}

std::vector<Measurement> Observations::measurements(const std::string& strategy, double replay,
                                                    bool own_language) const {
  const auto is_wanted = [&](const db::RunResultRow& run) {
    return run.strategy == strategy && run.replay == replay && run.outcome == db::Outcome::kDone;
  };
  std::vector<Measurement> found;
  // Both stand in the order of runs.
  auto run = runs_.begin();
  for (const db::ObservationRow& eval : evals_) {
    while (run != runs_.end() && run->run_id < eval.run_id) ++run;
    if (run == runs_.end()) break;
    if (run->run_id != eval.run_id || !eval.loss_nats || !is_wanted(*run) ||
        (eval.language == run->language) != own_language)
      continue;
    // What the model knew before its first step is no point of a law over its training tokens.
    if (own_language && eval.step == 0) continue;
    const auto target = static_cast<double>(eval.tokens_target);
    const double all = target + static_cast<double>(eval.tokens_source);
    found.push_back(
        {&*run, params_of(*run, count_), eval.tokens_target, eval.flops,
         all > 0 ? eval.flops * target / all : 0, *eval.loss_nats, eval.end_of_schedule,
         eval.loss_seen_nats, eval.loss_clean_nats,
         eval.seen_tokens && eval.valid_tokens
             ? static_cast<double>(*eval.seen_tokens) / static_cast<double>(*eval.valid_tokens)
             : 0});
  }
  std::stable_sort(found.begin(), found.end(), [](const Measurement& a, const Measurement& b) {
    return std::pair(a.run->run_id, a.tokens) < std::pair(b.run->run_id, b.tokens);
  });
  return found;
}

std::vector<Measurement> Observations::of_strategy(const std::string& strategy,
                                                   double replay) const {
  return measurements(strategy, replay, true);
}

std::vector<Measurement> Observations::on_source_language(const std::string& strategy,
                                                          double replay) const {
  return measurements(strategy, replay, false);
}

std::optional<double> Observations::source_model_loss(const db::RunResultRow& run) const {
  const auto parent = parent_of_.find(run.run_id);
  if (!run.source_language || parent == parent_of_.end()) return std::nullopt;
  std::optional<double> last;  // evals_ stand in the order of steps
  for (const db::ObservationRow& eval : evals_) {
    if (eval.run_id == parent->second && eval.language == *run.source_language)
      last = eval.loss_nats;
  }
  return last;
}

std::optional<double> Observations::source_model_tokens(const db::RunResultRow& run) const {
  if (run.tokens_base) return static_cast<double>(*run.tokens_base);
  const auto parent = parent_of_.find(run.run_id);
  if (!run.source_language || parent == parent_of_.end()) return std::nullopt;
  for (const db::RunResultRow& source : runs_) {
    if (source.run_id == parent->second && source.language == *run.source_language)
      return static_cast<double>(source.tokens_target);
  }
  return std::nullopt;
}

std::vector<std::string> Observations::left_out(const LanguagePair& pair) const {
  std::map<std::string, int64_t> counts;
  for (const db::RunResultRow& run : runs_) {
    bool ours = run.strategy == pair.scratch ||
                (run.strategy == pair.continued && run.replay == pair.replay);
    if (ours && run.outcome != db::Outcome::kDone) ++counts[std::string(db::name_of(run.outcome))];
  }
  std::vector<std::string> sentences;
  for (const auto& [outcome, count] : counts)
    sentences.push_back(fmt::format("{} left out of the fits: {}",
                                    count == 1 ? "1 run is" : fmt::format("{} runs are", count),
                                    outcome));
  return sentences;
}

PointChoice Observations::resolve(const LanguagePair& pair, PointChoice choice) const {
  if (choice != PointChoice::kAuto) return choice;
  std::vector<std::pair<double, double>> ends;
  for (const Measurement& m : of_strategy(pair.scratch, 0)) {
    if (m.end) ends.emplace_back(m.params, static_cast<double>(m.tokens));
  }
  return has_several_budgets(ends) ? PointChoice::kEnds : PointChoice::kAll;
}

std::vector<Measurement> Observations::chosen(const std::string& strategy, double replay,
                                              bool all) const {
  std::vector<Measurement> out;
  for (const Measurement& m : of_strategy(strategy, replay)) {
    const bool late =
        static_cast<double>(m.tokens) >= kFirstShare * static_cast<double>(m.run->tokens_target);
    if (m.end || (all && late)) out.push_back(m);
  }
  return out;
}

std::vector<Measurement> Observations::fitted(const LanguagePair& pair, const std::string& strategy,
                                              double replay) const {
  return chosen(strategy, replay, resolve(pair, PointChoice::kAuto) == PointChoice::kAll);
}

fit::Points Observations::points(const LanguagePair& pair, PointChoice choice,
                                 bool exact_flops) const {
  const bool all = resolve(pair, choice) == PointChoice::kAll;
  const std::map<RunId, int> ids = clusters(pair, choice);
  fit::Points points;
  const auto add = [&](const std::string& strategy, double replay, fit::Stage stage) {
    for (const Measurement& m : chosen(strategy, replay, all)) {
      const int cluster = ids.at(run_id_of(m));
      points.push_back({m.params, static_cast<double>(m.tokens), m.loss, 1, cluster, stage});
      if (exact_flops) points.back().flops = m.target_flops;
    }
  };
  add(pair.scratch, 0, fit::Stage::kScratch);
  if (!pair.continued.empty()) add(pair.continued, pair.replay, fit::Stage::kContinued);
  return points;
}

Observations::RunId Observations::run_id_of(const Measurement& m) const {
  const db::RunResultRow& run = *m.run;
  return {run.strategy, run.size, run.seed, share_trunk_.contains(run.run_id) ? 0 : run.run_id};
}

std::map<Observations::RunId, int> Observations::clusters(const LanguagePair& pair,
                                                          PointChoice choice) const {
  const bool all = resolve(pair, choice) == PointChoice::kAll;
  std::map<RunId, int> out;
  const auto add = [&](const std::string& strategy, double replay) {
    for (const Measurement& m : chosen(strategy, replay, all)) {
      out.try_emplace(run_id_of(m), static_cast<int>(out.size()));
    }
  };
  add(pair.scratch, 0);
  if (!pair.continued.empty()) add(pair.continued, pair.replay);
  return out;
}

std::vector<std::string> Observations::cluster_names(const LanguagePair& pair,
                                                     PointChoice choice) const {
  const std::map<RunId, int> ids = clusters(pair, choice);
  std::vector<std::string> out(ids.size());
  for (const auto& [run, id] : ids) {
    const auto& [strategy, size, seed, alone] = run;
    out[static_cast<size_t>(id)] = fmt::format("{} {}, seed {}", strategy, size, seed);
    for (const db::RunResultRow& each : runs_) {
      if (each.run_id == alone) out[static_cast<size_t>(id)] = each.name;
    }
  }
  return out;
}

}  // namespace crosslaw::apps
