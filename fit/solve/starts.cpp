#include "fit/solve/starts.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "fit/data/median.h"
#include "fit/solve/parallel.h"
#include "fit/solve/random.h"

namespace crosslaw::fit {
namespace {

constexpr int kCandidatesPerStart = 8;  // of which one is kept, for the half that is chosen
// Random splits: E takes this share of the smallest loss and more, up to kMostFloor more, and the
// size term this share of the rest. The ends are left out, where a term would be worth nothing.
constexpr double kLeastFloor = 0.02;
constexpr double kMostFloor = 0.96;
constexpr double kLeastShare = 0.05;
constexpr double kMostShare = 0.9;
constexpr double kLargestFloor = 0.999;  // of the median loss: something is left for the terms
constexpr double kLeastLevel = 1e-3;     // of the median loss; a level of 0 has no log

// Points of the unit cube that fill it evenly at any count: multiples of powers of the root of
// x^(dimension+1) = x + 1, modulo 1 (Roberts 2018, "The unreasonable effectiveness of quasirandom
// sequences"; the golden ratio in one dimension).
class EvenCube {
 public:
  EvenCube(int dimension, Random& random) {
    constexpr int kFixedPointSteps = 60;  // each takes off at least half of the error
    double root = 1.5;
    for (int i = 0; i < kFixedPointSteps; ++i) root = std::pow(1 + root, 1.0 / (dimension + 1));
    for (int i = 0; i < dimension; ++i) {
      step_.push_back(std::pow(1 / root, i + 1));
      point_.push_back(random.uniform());
    }
  }

  const std::vector<double>& next() {
    for (std::size_t i = 0; i < point_.size(); ++i) {
      point_[i] = std::fmod(point_[i] + step_[i], 1.0);
    }
    return point_;
  }

 private:
  std::vector<double> step_;
  std::vector<double> point_;
};

bool is_drawn(const CoefficientInfo& info) { return info.first_low < info.first_high; }

double first_guess(const CoefficientInfo& info, double u) {
  const double low = info.first_low, high = info.first_high;
  const bool in_log = info.kind == Kind::kExponent && low > 0;
  return in_log ? low * std::pow(high / low, u) : low + u * (high - low);
}

std::vector<int> levels_of(const Law& law) {
  std::vector<int> out;
  for (int i = 0; i < law.size(); ++i) {
    if (law.coefficients[static_cast<std::size_t>(i)].kind != Kind::kExponent) out.push_back(i);
  }
  return out;
}

class StartMaker {
 public:
  StartMaker(const Objective& objective, const Theta& fixed, std::uint64_t seed)
      : objective_(objective),
        law_(*objective.law),
        fixed_(fixed),
        samples_(objective.samples),
        levels_(levels_of(law_)),
        random_(seed, 0),
        cube_(law_.size() + 2, random_) {
    std::vector<double> losses;
    for (const Sample& s : samples_) losses.push_back(s.log_loss);
    const double middle = upper_median(std::move(losses));
    median_loss_ = std::exp(middle);
    middle_ = middle_sample(middle);
  }

  // A point of the unit cube: one number a coefficient and two more.
  const std::vector<double>& draw() { return cube_.next(); }

  Theta split_at_random(const std::vector<double>& u) const {
    if (law_.guess) return guessed(u);
    Theta theta = with_exponents(u);
    const std::size_t extra = u.size() - 2;  // drawn beside the coefficients: floor and share
    const bool has_floor = law_.coefficients[0].kind == Kind::kFloor;
    const double floor = std::exp(objective_.min_log_loss) * (kLeastFloor + kMostFloor * u[extra]);
    Theta balanced = theta;
    if (has_floor) balanced[0] = std::log(floor);
    const double reducible = has_floor ? median_loss_ - kLargestFloor * floor : median_loss_;
    law_.balance(balanced.data(), reducible, kLeastShare + kMostShare * u[extra + 1]);
    for (int i = 0; i < law_.size(); ++i) {
      if (objective_.box.free[static_cast<std::size_t>(i)]) theta[i] = balanced[i];
    }
    return theta;
  }

  // Levels by least squares of predicted / observed = 1 for given exponents: with these fixed a sum
  // of powers is linear in its levels (variable projection; Golub and Pereyra 1973).
  Theta project(const std::vector<double>& u) const {
    Theta theta = with_exponents(u);
    std::vector<int> open;
    for (const int i : levels_) {
      if (!objective_.box.free[static_cast<std::size_t>(i)]) continue;
      open.push_back(i);
      theta[i] = 0;
    }
    const auto rows = static_cast<Eigen::Index>(samples_.size());
    Eigen::MatrixXd basis(rows, static_cast<Eigen::Index>(open.size()));
    Eigen::VectorXd target(rows);
    std::vector<double> terms(levels_.size());
    for (Eigen::Index r = 0; r < rows; ++r) {
      const Sample& sample = samples_[static_cast<std::size_t>(r)];
      law_.log_terms(theta.data(), sample, terms.data());
      const double root = std::sqrt(sample.weight);
      target[r] = root;
      Eigen::Index column = 0;
      for (std::size_t k = 0; k < levels_.size(); ++k) {
        const double part = root * std::exp(terms[k] - sample.log_loss);
        if (objective_.box.free[static_cast<std::size_t>(levels_[k])]) {
          basis(r, column++) = part;
        } else {
          target[r] -= part;
        }
      }
    }
    const Eigen::VectorXd levels = non_negative_least_squares(basis, target);
    for (std::size_t k = 0; k < open.size(); ++k) {
      const double level = levels[static_cast<Eigen::Index>(k)];
      theta[open[k]] = std::log(std::max(level, kLeastLevel * median_loss_));
    }
    return theta;
  }

  // Where terms interact, an optimum may have a loss that rises with N or D in one of them: of
  // every eight starts one has such a size term and one such a data term.
  void turn_one_exponent(std::size_t number, Theta& theta) const {
    constexpr double kTurned = -0.5;  // such exponents are small
    const Axis axis = number % 8 == 3 ? Axis::kParams : Axis::kTokens;
    if (number % 8 != 3 && number % 8 != 7) return;
    for (int i = 0; i < law_.size(); ++i) {
      const auto place = static_cast<std::size_t>(i);
      const CoefficientInfo& info = law_.coefficients[place];
      const bool mine = info.kind == Kind::kExponent && info.axis == axis;
      if (mine && info.lower < 0 && objective_.box.free[place]) theta[i] *= kTurned;
    }
  }

  // F; infinite where the law is.
  double height(const Theta& theta) const {
    double out = 0;
    for (const Sample& sample : samples_) {
      const double residual = law_.log_loss(theta.data(), sample, nullptr) - sample.log_loss;
      const double weight = sample.weight * (residual > 0 ? law_.over_weight : 1);
      out += weight * huber(residual, objective_.delta);
    }
    return std::isfinite(out) ? out : std::numeric_limits<double>::infinity();
  }

 private:
  Theta guessed(const std::vector<double>& u) const {
    Theta all = fixed_;
    law_.guess(all.data(), middle_, u);
    Theta theta = fixed_;
    for (int i = 0; i < law_.size(); ++i) {
      if (!objective_.box.free[static_cast<std::size_t>(i)]) continue;
      theta[i] = std::clamp(all[i], objective_.box.lower[i], objective_.box.upper[i]);
    }
    return theta;
  }

  // What the points have on average, and their median loss.
  Sample middle_sample(double log_loss) const {
    Sample out{0, 0, log_loss, 1};
    out.target_share = 0;
    const auto count = static_cast<double>(samples_.size());
    for (const Sample& s : samples_) {
      out.log_params += s.log_params / count;
      out.log_tokens += s.log_tokens / count;
      out.target_share += s.target_share / count;
      out.loss_before += s.loss_before / count;
    }
    return out;
  }

  Theta with_exponents(const std::vector<double>& u) const {
    Theta theta = fixed_;
    for (int i = 0; i < law_.size(); ++i) {
      const auto place = static_cast<std::size_t>(i);
      const CoefficientInfo& info = law_.coefficients[place];
      if (is_drawn(info) && objective_.box.free[place]) theta[i] = first_guess(info, u[place]);
    }
    return theta;
  }

  const Objective& objective_;
  const Law& law_;
  const Theta& fixed_;
  const std::vector<Sample>& samples_;
  std::vector<int> levels_;
  Random random_;
  EvenCube cube_;
  double median_loss_ = 0;
  Sample middle_{};
};

}  // namespace

std::vector<Theta> make_starts(const Objective& objective, const Theta& fixed, int count,
                               std::uint64_t seed, int threads) {
  const bool linear = objective.law->log_terms != nullptr;
  StartMaker maker(objective, fixed, seed);
  std::vector<Theta> starts;
  const int chosen = (count + 1) / 2;
  std::vector<std::vector<double>> drawn;
  for (int i = 0; i < kCandidatesPerStart * chosen; ++i) drawn.push_back(maker.draw());
  std::vector<std::pair<double, Theta>> candidates(drawn.size());
  parallel_for(static_cast<int>(drawn.size()), threads, [&](int i) {
    const auto which = static_cast<std::size_t>(i);
    const std::vector<double>& u = drawn[which];
    const Theta theta = linear ? maker.project(u) : maker.split_at_random(u);
    candidates[which] = {maker.height(theta), theta};
  });
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (int i = 0; i < chosen; ++i) {
    starts.push_back(candidates[static_cast<std::size_t>(i)].second);
  }
  while (static_cast<int>(starts.size()) < count) {
    starts.push_back(maker.split_at_random(maker.draw()));
    if (!linear && !objective.law->guess) maker.turn_one_exponent(starts.size(), starts.back());
  }
  return starts;
}

Eigen::VectorXd non_negative_least_squares(const Eigen::MatrixXd& basis,
                                           const Eigen::VectorXd& target) {
  const Eigen::Index columns = basis.cols();
  const Eigen::MatrixXd normal = basis.transpose() * basis;
  const Eigen::VectorXd right = basis.transpose() * target;
  Eigen::VectorXd best = Eigen::VectorXd::Zero(columns);
  double best_gain = 0;  // fall of |basis x - target|^2 against x = 0
  for (unsigned set = 1; set < (1u << columns); ++set) {
    std::vector<Eigen::Index> in;
    for (Eigen::Index c = 0; c < columns; ++c) {
      if ((set >> c) & 1u) in.push_back(c);
    }
    const Eigen::MatrixXd part = normal(in, in);
    const Eigen::VectorXd part_right = right(in);
    const Eigen::LDLT<Eigen::MatrixXd> factor(part);
    const Eigen::VectorXd solution = factor.solve(part_right);
    if (factor.info() != Eigen::Success || !solution.allFinite() || solution.minCoeff() < 0) {
      continue;
    }
    const double gain = 2 * solution.dot(part_right) - solution.dot(part * solution);
    if (gain <= best_gain) continue;
    best_gain = gain;
    best.setZero();
    for (std::size_t k = 0; k < in.size(); ++k)
      best[in[k]] = solution[static_cast<Eigen::Index>(k)];
  }
  return best;
}

}  // namespace crosslaw::fit
