// A matrix product for matrices of a few hundred rows, where the general libraries spend their time
// on packing and threads. The classic scheme (Goto and van de Geijn 2008, "Anatomy of
// high-performance matrix multiplication") with one level: b goes through panels that stay in the
// first cache, a is read in place.
#include <algorithm>
#include <vector>

#include "trainer/model/kernels/kernels.h"
#include "trainer/model/kernels/simd.h"

namespace crosslaw::trainer {
namespace {

// A block of kRows x kPanelColumns of c is held in registers (12 of AVX2's 16) while the inner
// index runs; the other 4 hold a row of the panel and a number of a.
constexpr int64_t kRows = 6;
constexpr int64_t kPanelColumns = 2 * kLanes;

// `columns` columns of b, padded with zeros to `width`, inner index outermost.
CROSSLAW_INLINE void pack_panel(const SmallProduct& p, int64_t first, int64_t columns,
                                int64_t width, float* panel) {
  // In the order in which block() reads it, so that b may come transposed at no further cost.
  for (int64_t k = 0; k < p.inner; ++k) {
    const float* from = p.b + k * p.b_inner_step + first * p.b_column_step;
    float* to = panel + k * width;
    for (int64_t c = 0; c < columns; ++c) to[c] = from[c * p.b_column_step];
    for (int64_t c = columns; c < width; ++c) to[c] = 0;
  }
}

// rows x (vectors * 8) numbers of c. The sizes are template arguments, so that `sum` becomes
// registers and the loops over it vanish.
template <int64_t rows, int64_t vectors>
CROSSLAW_INLINE void block(const SmallProduct& p, int64_t row, int64_t first, int64_t columns,
                           const float* panel) {
  constexpr int64_t width = vectors * kLanes;
  Vector sum[rows][vectors];
  for (auto& line : sum) {
    for (Vector& vector : line) vector = Vector{};
  }
  const float* a = p.a + row * p.a_row_step;
  for (int64_t k = 0; k < p.inner; ++k) {
    Vector b[vectors];
    for (int64_t v = 0; v < vectors; ++v) b[v] = load(panel + k * width + v * kLanes);
    for (int64_t r = 0; r < rows; ++r) {
      // One number of a serves the whole row of the block.
      float value = a[r * p.a_row_step + k * p.a_inner_step];
      for (int64_t v = 0; v < vectors; ++v) sum[r][v] += value * b[v];
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    float* c = p.c + (row + r) * p.c_row_step + first;
    if (columns == width) {
      for (int64_t v = 0; v < vectors; ++v) {
        store(c + v * kLanes, p.accumulate ? load(c + v * kLanes) + sum[r][v] : sum[r][v]);
      }
      continue;
    }
    // The last panel may be narrower than its vectors; their surplus must not reach c.
    float line[width];
    for (int64_t v = 0; v < vectors; ++v) store(line + v * kLanes, sum[r][v]);
    for (int64_t i = 0; i < columns; ++i) c[i] = p.accumulate ? c[i] + line[i] : line[i];
  }
}

template <int64_t rows, int64_t vectors>
CROSSLAW_INLINE void panel_product(const SmallProduct& p, int64_t first, int64_t columns,
                                   float* panel) {
  // The same call twice, but here with constants in place of `columns`: the compiler then copies
  // whole vectors.
  if (columns == vectors * kLanes && p.b_column_step == 1) {
    pack_panel(p, first, vectors * kLanes, vectors * kLanes, panel);
  } else {
    pack_panel(p, first, columns, vectors * kLanes, panel);
  }
  // What is left of the rows goes in blocks of 4, 2 and 1, not row by row: each block pays for one
  // pass over the panel.
  int64_t row = 0;
  for (; row + rows <= p.rows; row += rows) block<rows, vectors>(p, row, first, columns, panel);
  for (; row + 4 <= p.rows; row += 4) block<4, vectors>(p, row, first, columns, panel);
  if (row + 2 <= p.rows) block<2, vectors>(p, row, first, columns, panel), row += 2;
  if (row < p.rows) block<1, vectors>(p, row, first, columns, panel);
}

CROSSLAW_SIMD void product_in_panels(const SmallProduct& p, float* panel) {
  for (int64_t first = 0; first < p.columns; first += kPanelColumns) {
    int64_t columns = std::min(kPanelColumns, p.columns - first);
    if (columns > kLanes) {
      panel_product<kRows, 2>(p, first, columns, panel);
    } else {
      // Half the columns, so twice the rows keep the same 12 registers busy.
      panel_product<2 * kRows, 1>(p, first, columns, panel);
    }
  }
}

}  // namespace

void small_product(const SmallProduct& p) {
  // Kept between calls: a step makes thousands of them.
  thread_local std::vector<float> panel;
  panel.resize(static_cast<size_t>(p.inner * kPanelColumns));
  product_in_panels(p, panel.data());
}

}  // namespace crosslaw::trainer
