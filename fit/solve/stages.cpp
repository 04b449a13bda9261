#include "fit/solve/stages.h"

#include <string>
#include <utility>

#include "fit/solve/parallel.h"

namespace crosslaw::fit {
namespace {

// The coefficients of a part, by its own names, that an earlier part has fitted; marks the rest.
std::vector<std::string_view> inherited_by(const LawPart& part, std::vector<bool>& fitted) {
  std::vector<std::string_view> out;
  for (std::size_t i = 0; i < part.coefficients.size(); ++i) {
    const auto place = static_cast<std::size_t>(part.coefficients[i]);
    if (fitted[place]) out.push_back(part.law->coefficients[i].name);
    fitted[place] = true;
  }
  return out;
}

}  // namespace

void StageCore::put_free(const Theta& theta, Theta& whole) const {
  for (std::size_t i = 0; i < part.coefficients.size(); ++i) {
    if (is_free(i)) whole[part.coefficients[i]] = theta[static_cast<Eigen::Index>(i)];
  }
}

Theta StageCore::start(const Theta& whole) const {
  // Without anything inherited the optimum itself, not rounded on the way to plain and back.
  if (core.objective.box.free_count(part.law->size()) == part.law->size()) return core.centred;
  Theta plain = part_theta(part, whole);
  const Theta own = core.objective.plain(core.centred);
  for (std::size_t i = 0; i < part.coefficients.size(); ++i) {
    const auto at = static_cast<Eigen::Index>(i);
    if (is_free(i)) plain[at] = own[at];
  }
  return core.objective.centred(plain);
}

std::vector<StageCore> fit_stages(const Law& law, const std::vector<LawPart>& parts,
                                  const Points& points, const FitOptions& options) {
  std::vector<StageCore> out;
  Theta whole = Theta::Zero(law.size());
  std::vector<bool> fitted(law.coefficients.size(), false);
  for (const LawPart& part : parts) {
    const Points mine = points_of(part, points);
    Objective objective = make_objective(*part.law, mine, options.huber_delta);
    freeze(objective, inherited_by(part, fitted));
    require_enough(objective, part.strategy);
    // Inherited coordinates are the same numbers in plain coordinates only: each stage has its own
    // centre.
    const Theta fixed = objective.centred(part_theta(part, whole));
    const double looked_at = objective.delta;
    out.push_back({part, fit_core(std::move(objective), fixed, options)});
    Core& core = out.back().core;
    if (options.auto_delta) {
      // A robust fit first, whose residuals tell the noise; then once more with the delta for it.
      Objective again = core.objective;
      again.delta = chosen_delta(again, core.centred);
      if (again.delta != looked_at) core = fit_core(std::move(again), fixed, options);
      core.result.auto_delta = true;
    }
    core.index = indices_of(part, points);
    core.runs = runs_of(points, core.index, core.objective, core.centred);
    core.noise = fit_noise(core.objective, core.centred, core.runs.of);
    core.result.measured_range = coverage(mine);
    out.back().put_free(core.result.theta, whole);
  }
  return out;
}

std::optional<StageDraws> refit_stages(std::span<const StageCore> stages, const Resample& world,
                                       int coefficients) {
  StageDraws out{Theta::Zero(coefficients), {}};
  for (const StageCore& stage : stages) {
    const Draw found = refit(stage.core, world, stage.start(out.whole));
    if (!found) return std::nullopt;
    stage.put_free(stage.core.objective.plain(*found), out.whole);
    out.centred.push_back(*found);
  }
  return out;
}

void add_draws(const Law& law, const Points& points, const FitOptions& options,
               std::vector<StageCore>& stages) {
  bool enough = true;
  std::vector<const Core*> cores;  // of the stages before the first of too few runs
  for (StageCore& stage : stages) {
    const bool told = degrees_of_freedom(stage.core) >= kFewestFreedom;
    if (!told) refuse_draws(stage.core, stage.core.result);
    enough = enough && told;
    if (enough) cores.push_back(&stage.core);
  }
  if (options.draws == 0 || cores.empty()) return;
  const std::span<const StageCore> drawn = std::span(stages).first(cores.size());
  const BootstrapRecord chosen = chosen_bootstrap(cores, points, options);
  // One resample for all stages: runs of a model that has points in both go in and out together.
  const Resampler resampler(points, chosen.kind, options.seed);
  const auto count = static_cast<std::size_t>(options.draws);
  std::vector<std::vector<Draw>> draws(drawn.size(), std::vector<Draw>(count));
  std::vector<std::vector<double>> noise(drawn.size(), std::vector<double>(count));
  parallel_for(options.draws, options.threads, [&](int d) {
    const auto which = static_cast<std::size_t>(d);
    const Resample world = resampler.draw(d);
    const auto found = refit_stages(drawn, world, law.size());
    for (std::size_t s = 0; found && s < drawn.size(); ++s) {
      const Core& core = drawn[s].core;
      draws[s][which] = found->centred[s];
      noise[s][which] = noise_in(world, core.index, core.noise).deviation();
    }
  });
  for (std::size_t s = 0; s < drawn.size(); ++s) {
    FitResult& result = stages[s].core.result;
    result.bootstrap = chosen;
    take_draws(stages[s].core, draws[s], result);
    if (chosen.kind != Resampling::kParametric) continue;
    result.new_run.laplace = stages[s].core.noise.laplace;
    for (std::size_t d = 0; d < count; ++d) {
      if (draws[s][d]) result.new_run.deviation.push_back(noise[s][d]);
    }
  }
}

}  // namespace crosslaw::fit
