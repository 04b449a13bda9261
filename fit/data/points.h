#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace crosslaw::fit {

// How the model behind a point was initialised: at random, or from a model of another language.
enum class Stage { kScratch, kContinued };

// One measured loss. Sizes and tokens are doubles on purpose: 6*N*D overflows 64-bit integers.
struct Point {
  double params = 0;  // N, in the counting convention chosen by the caller
  double tokens = 0;  // D, target-language tokens seen
  double loss = 0;    // nats per token (any positive unit gives E, A and B in that unit)
  double weight = 1;  // multiplies this point's term of the objective, > 0
  int cluster = -1;   // points of one run share an id >= 0; -1: a run of its own
  Stage stage = Stage::kScratch;
  double unique_tokens = 0;  // distinct tokens among `tokens`; 0: all of them, nothing repeats
  double flops = 0;          // training compute as counted by the source; 0: unknown, 6 N D
  double target_share = 1;   // r: share of the target text among `tokens`; the rest is other text
  double base_tokens = 0;    // D1: tokens that the model had seen before; 0: unknown
  double loss_before = 0;    // the loss before training, of laws of what is forgotten; 0: unknown
};

using Points = std::vector<Point>;

// What is wrong with the points, one sentence each, naming point (0-based), field and value.
// Empty means usable. At most `limit` sentences are returned.
std::vector<std::string> problems(const Points& points, std::size_t limit = 10);

// Distinct tokens of a point, at most its tokens.
double unique_tokens(const Point& point);
// Training compute of a point: as counted by its source, else 6 N D.
double training_flops(const Point& point);

bool has_continued(const Points& points);
// Whether points have more that a law may read than N, D and their stage: repeats, a mixture, what
// the model had seen or lost before. Their losses are no surface over N and D alone.
bool have_more_than_size_and_tokens(const Points& points);
// The points of one stage, in order.
Points select_stage(const Points& points, Stage stage);

// Smallest and largest value of something measured.
struct Range {
  double low = 0;
  double high = 0;
};

// What the points cover; used to say how far an answer extrapolates.
struct DataRange {
  Range params;            // N
  Range tokens;            // D
  Range tokens_per_param;  // D/N
  Range flops;             // training compute
  Range loss;
};

// Throws std::invalid_argument when there is no point.
DataRange coverage(const Points& points);

}  // namespace crosslaw::fit
