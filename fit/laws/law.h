#pragma once

#include <Eigen/Core>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fit/data/points.h"

namespace crosslaw::fit {

inline constexpr int kMaxCoefficients = 10;

// The exponent of N in the data term: the one exponent that may have either sign.
inline constexpr std::string_view kCrossExponent = "gamma";

// The fitted coordinates of a law, in the order of Law::coefficients: the natural log of every
// level (E, A, B, ...) and every exponent as it is. Small enough to live on the stack.
using Theta = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, kMaxCoefficients, 1>;
using Square =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, kMaxCoefficients, kMaxCoefficients>;

enum class Kind {
  kFloor,     // the irreducible loss E: a level that no data can take below 0
  kLevel,     // A, B: positive, fitted as a log
  kExponent,  // alpha, beta, gamma: fitted as it is
};

// What a coefficient depends on; decides how many distinct sizes and token counts it needs, and
// which columns a law reads beside N, D and the loss (law_columns.h).
enum class Axis {
  kNone,
  kParams,
  kTokens,
  kRepeats,     // points that see tokens again
  kShare,       // the share of the target text
  kBase,        // the tokens that a model had seen before
  kLossBefore,  // the loss before training
};

struct CoefficientInfo {
  std::string_view name;
  Kind kind;
  Axis axis;
  double lower;  // bounds of the search in centred coordinates; for kFloor relative to the
  double upper;  // log of the smallest loss
  // First guesses are drawn from here (exponents above 0: evenly in their log). An empty range:
  // a level that Law::balance sets.
  double first_low = 0;
  double first_high = 0;
};

// One point as the laws see it. Logs are natural; log_params and log_tokens may be centred.
struct Sample {
  double log_params;
  double log_tokens;
  double log_loss;
  double weight;
  Stage stage = Stage::kScratch;
  double log_unique_share = 0;  // log(unique tokens / tokens); 0: no token is seen twice
  double target_share = 1;      // r
  double log_base_ratio = 0;    // log(base tokens / tokens), so that no origin of its own is needed
  double loss_before = 0;
};

// Something that users know a law by and that its coefficients imply.
struct DerivedInfo {
  std::string_view name;
  double (*value)(const Theta& theta);  // of plain theta
};

struct Law;

// What a law says of one strategy, a way of training: a law of its own whose coefficients are some
// of the whole law's.
struct LawPart {
  std::string_view strategy;      // such as "scratch"; "" where there is only one
  std::optional<Stage> stage;     // of the points it describes; empty: all of them
  const Law* law = nullptr;       // that these points follow
  std::vector<int> coefficients;  // its own, in its order, by their places in the whole law
};

// The objective F = sum_i w_i * Huber_delta(r_i), r_i = log predicted - log observed, at one theta,
// with g_i = d log L_i / dtheta and curvature S = sum_i w_i Huber'(r_i) d2 log L_i / dtheta2.
struct Sums {
  double objective = 0;
  double pull = 0;   // sum_i w_i |Huber'(r_i)|: the scale against which a gradient is small
  Theta gradient;    // dF/dtheta
  Square newton;     // S + sum w g g^T over |r| <= delta: the exact Hessian of this piece of F
  Square majorizer;  // S + sum w min(1, delta/|r|) g g^T: the same as if no kink were crossed
  Theta scale;       // diagonal of majorizer - S, a natural size for a step in each coordinate
};

// A law is one table entry: a name, its coefficients, and what the solvers need to evaluate it.
struct Law {
  std::string_view name;
  std::string_view formula;
  std::vector<CoefficientInfo> coefficients;

  // log L(N, D) and, where gradient is not null, its derivatives by theta.
  std::function<double(const double* theta, const Sample& at, double* gradient)> log_loss;
  // The objective with first and second derivatives over all samples.
  std::function<void(const Theta& theta, std::span<const Sample> samples, double delta, Sums& out)>
      accumulate;
  // Moves the origin of (log N, log D) by (-dx, -dy) without changing any prediction:
  // shift(theta, mean_x, mean_y) turns centred coordinates into plain ones.
  std::function<void(double* theta, double dx, double dy)> shift;
  // Sets A and B so that at the origin L - E = reducible, `share` of it due to the size; the
  // exponents are given. For first guesses. Null where `guess` makes them.
  std::function<void(double* theta, double reducible, double share)> balance = nullptr;
  // For a law that is a sum of power terms, each with one level of its own: the log of each term
  // (order of the levels in `coefficients`). Null for laws of another form.
  std::function<void(const double* theta, const Sample& at, double* out)> log_terms = nullptr;
  std::vector<DerivedInfo> derived = {};
  // The strategies it tells apart, those that the others build on first. Empty: one, the law itself
  // (see law_parts.h).
  std::vector<LawPart> parts = {};
  // Weight in the objective of a point that the law overestimates, against one that it
  // underestimates; 1: both count alike. `accumulate` knows it (see law_variants.h).
  double over_weight = 1;
  // For laws whose coefficients mean little one by one: a whole first guess that passes near the
  // middle of the points, from one number in [0, 1) a coefficient.
  std::function<void(double* theta, const Sample& middle, std::span<const double> u)> guess =
      nullptr;
  bool moves_tokens = true;   // whether `shift` can move log D; otherwise it keeps its origin
  bool constrainable = true;  // whether `shift` moves levels alone, by exponents alone

  int size() const { return static_cast<int>(coefficients.size()); }
  // Position of a coefficient; throws std::invalid_argument for an unknown name.
  int index(std::string_view coefficient) const;
  bool has(std::string_view coefficient) const;
  bool depends_on(Axis axis) const;
};

// Every law a user can name. Throws std::invalid_argument naming the known ones.
const Law& find_law(std::string_view name);
std::vector<std::string_view> law_names();

// Levels are the exp of their coordinate, exponents the coordinate itself.
double coefficient_value(const CoefficientInfo& info, double coordinate);
Theta theta_from_values(const Law& law, std::span<const double> values);

// A point as the laws see it, nothing centred; of numbers that are not known the ratio is 1.
Sample sample_of(const Point& point);

// L of a point, whatever its own loss; theta in plain coordinates.
double predicted_loss(const Law& law, const Theta& theta, const Point& point);
// L(N, D) in the unit of the losses; theta in plain (not centred) coordinates. unique_tokens 0:
// all.
double predicted_loss(const Law& law, const Theta& theta, double params, double tokens,
                      Stage stage = Stage::kScratch, double unique_tokens = 0);

}  // namespace crosslaw::fit
