#pragma once

#include "fit/laws/law.h"

namespace crosslaw::fit {

// Other coordinates of a law, in which its long valleys are straight and Newton steps long.
struct Chart {
  const Law* law;                     // the same predictions as a law of its own
  Theta (*to)(const Theta& theta);    // from the law that users know
  Theta (*from)(const Theta& theta);  // back
};

// Null where the coordinates of the law itself do. For the outer law, L = E + (A/N^alpha +
// B/D^beta)^k, the chart is (E, A^k, k alpha, B^k, k beta, k): what the two terms are worth alone.
// These hardly move while k goes to 0, where the larger term decides, and move evenly while k
// grows without end; A, alpha, B and beta run away like 1/k.
const Chart* straight_chart(const Law& law);

}  // namespace crosslaw::fit
