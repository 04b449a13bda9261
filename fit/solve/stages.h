#pragma once

#include <optional>
#include <span>
#include <vector>

#include "fit/laws/law_parts.h"
#include "fit/solve/core.h"

// Fits made stage by stage, each keeping what the stages before it have fitted; an ordinary fit is
// one stage. Not meant for users of the library.
namespace crosslaw::fit {

// A part of the law on the points it describes.
struct StageCore {
  LawPart part;
  Core core;

  bool is_free(std::size_t i) const { return core.objective.box.free[i]; }
  // Copies its free coordinates into those of the whole law (both plain).
  void put_free(const Theta& theta, Theta& whole) const;
  // Its centred optimum, but for the inherited coordinates, which are taken from `whole` (plain).
  Theta start(const Theta& whole) const;
};

// A refit of every stage in one world.
struct StageDraws {
  Theta whole;                 // plain, of the whole law
  std::vector<Theta> centred;  // one a stage
};

// Search, certificate and measured range of every part in turn.
std::vector<StageCore> fit_stages(const Law& law, const std::vector<LawPart>& parts,
                                  const Points& points, const FitOptions& options);

// Every stage refitted in one world, so that what one gets wrong reaches the next. Empty where one
// of them did not converge.
std::optional<StageDraws> refit_stages(std::span<const StageCore> stages, const Resample& world,
                                       int coefficients);

// options.draws worlds, into the results of all stages; rows of one number are one world. A stage
// of too few runs, and those that follow it, get none.
void add_draws(const Law& law, const Points& points, const FitOptions& options,
               std::vector<StageCore>& stages);

}  // namespace crosslaw::fit
