#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fit/data/points.h"
#include "fit/solve/fit_result.h"
#include "fit/solve/spread.h"

// What continuing from a model of another language was worth, point by point: the tokens from
// scratch that reach the loss of a continued run of the same size (arXiv:2407.02118, Fig. 2), from
// the measured losses alone or from the fitted laws. Everything derived of them (shares saved, data
// transferred, their growth, languages that repay the source model) is computed in each draw, in
// which both strategies share one world: a difference has an interval of its own.
namespace crosslaw::fit {

// In each world, one entry a continued point; empty: no number of tokens from scratch reaches it.
using EqualTokens = std::vector<std::optional<double>>;

struct EqualLoss {
  Points continued;                // the points that are asked about
  EqualTokens tokens;              // from scratch, for the same loss
  std::vector<bool> extrapolated;  // beyond the measured losses from scratch
  std::vector<EqualTokens> draws;

  // `quantity` of the tokens of all points, in the data and in every draw.
  template <typename Quantity>
  Estimate estimate(const Quantity& quantity) const {
    std::vector<std::optional<double>> values;
    values.reserve(draws.size());
    for (const EqualTokens& each : draws) values.push_back(quantity(each));
    return summarise(quantity(tokens), values);
  }
};

// The scatter of the log loss of one run, and from how many degrees of freedom it is known.
struct LossScatter {
  double sd = 0;  // 0: losses are taken as exact, without intervals
  double freedom = 0;
  std::string from;  // "5 pairs of seeds", "the residuals of the fit"
};

// From runs that differ in their seed alone, where those leave at least five degrees of freedom;
// else from the residuals of `fit` (null: none, and the noise is not known).
LossScatter loss_noise(const Points& points, const FitResult* fit);

// How losses of one strategy scatter around a smooth surface, without a law: log loss against log N
// and log D to second order.
struct SurfaceScatter {
  double squares = 0;  // of the residuals
  double freedom = 0;  // points less coefficients; 0: too few points
};
SurfaceScatter surface_scatter(const Points& points);

// From the measured losses: at each size a monotone curve of log loss over log tokens through the
// scratch points, seeds averaged. In a draw every loss has noise of its own anew.
EqualLoss measured_equal_loss(const Points& points, const LossScatter& noise, int draws,
                              std::uint64_t seed);

// From a fit of both strategies; its draws hold both. The fitted continued loss, not the measured
// one, is compared. Throws std::invalid_argument for a fit of another law.
EqualLoss law_equal_loss(const Points& points, const FitResult& both);

// 1 - D / D_scratch, of tokens and so of FLOPs at equal size.
Estimate saved_share(const EqualLoss& at, std::size_t point);
// D_scratch - D: effectively transferred data.
Estimate transferred_tokens(const EqualLoss& at, std::size_t point);
// The part of the source model's own tokens that this saves: with 1/k of it each, k languages that
// continue from one source have paid for it.
Estimate repaid_share(const EqualLoss& at, std::size_t point, double source_tokens);

// The mean share saved by some points.
Estimate mean_share(const EqualLoss& at, const std::vector<std::size_t>& points);

// Transferred data = constant * D^tokens_exponent * N^params_exponent, least squares in logs over
// the points at which something was transferred.
struct TransferGrowth {
  std::size_t points = 0;  // that took part, of the data themselves
  Estimate constant, tokens_exponent, params_exponent;
};
// Empty where the points do not tell D from N, or fewer than four have transferred anything.
std::optional<TransferGrowth> transfer_growth(const EqualLoss& at);

// Tokens at which scratch overtakes at one size (in log tokens between the continued points on both
// sides). Undefined where the measured runs do not get there.
Estimate measured_crossing(const EqualLoss& at, double params);

}  // namespace crosslaw::fit
