#include "apps/study/sweep_transfers.h"

#include <utility>

namespace crosslaw::apps {
namespace {

const NamedFit* fit_of_both(const PairFits& fits) {
  const NamedFit* chosen = fits.named(fits.choice.name);
  if (chosen && !chosen->fit.law->parts.empty()) return chosen;
  for (const char* name : {"two-stage", "joint"}) {
    if (const NamedFit* found = fits.named(name)) return found;
  }
  return nullptr;
}

SizeFacts size_facts(const Observations& observations, const LanguagePair& pair) {
  SizeFacts out;
  for (const db::RunResultRow& run : observations.runs()) {
    if (run.strategy != pair.continued || run.replay != pair.replay) continue;
    const double params = params_of(run, observations.count());
    out.budget_params.emplace(params, static_cast<double>(run.params_budget));
    if (const std::optional<double> tokens = observations.source_model_tokens(run))
      out.source_tokens.emplace(params, *tokens);
  }
  return out;
}

}  // namespace

std::string doubt_of(const fit::FitResult& fit) {
  if (fit.identifiable) return "";
  return fit.problems.empty() ? "its coefficients are not identified" : fit.problems.front();
}

std::optional<PairTransfer> pair_transfer(const Observations& observations, const PairFits& fits) {
  if (fits.pair.continued.empty()) return std::nullopt;
  const Dataset data = dataset_of_pair(observations, fits.pair, PointChoice::kAuto, false);
  if (fit::select_stage(data.data.points, fit::Stage::kContinued).empty()) return std::nullopt;
  const NamedFit* both = fit_of_both(fits);
  PairTransfer out;
  out.pair = fits.pair;
  out.convention = data.convention;
  out.contrast = fits.contrast;
  if (both) {
    out.fit = both->name;
    out.doubt = doubt_of(both->fit);
    out.reason = both->name == fits.choice.name ? fits.choice.reason : "the fit of both strategies";
  }
  out.findings =
      transfer_findings(data, both ? &both->fit : nullptr, size_facts(observations, fits.pair));
  return out;
}

std::vector<PairTransfer> sweep_transfers(const Observations& observations,
                                          const std::vector<PairFits>& fits) {
  std::vector<PairTransfer> out;
  for (const PairFits& each : fits) {
    if (std::optional<PairTransfer> found = pair_transfer(observations, each))
      out.push_back(std::move(*found));
  }
  return out;
}

}  // namespace crosslaw::apps
