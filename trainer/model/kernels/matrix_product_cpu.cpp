// The matrix product of the CPU path: for the tall and narrow matrices of small models it is about
// twice as fast as the library that LibTorch brings, and its bits do not depend on the number of
// threads. The scheme of Goto and van de Geijn (2008, "Anatomy of high-performance matrix
// multiplication"): of b a block is packed into panels as wide as a block of registers, each of
// which stays in the first cache while the rows of a pass by.
#include <algorithm>
#include <vector>

#include "trainer/model/kernels/kernels.h"
#include "trainer/model/kernels/parallel.h"
#include "trainer/model/kernels/simd.h"

namespace crosslaw::trainer {
namespace {

// A register of AVX-512.
typedef float WideVector __attribute__((vector_size(64)));

// Of the inner index at a time: a panel of 256 x 32 floats is 32 KiB, of 256 x 16 half of it.
constexpr int64_t kMostInner = 256;
// Of b at a time: 512 KiB, which the second cache holds beside the rows of a.
constexpr int64_t kMostColumns = 512;
// Of a at a time, where it is packed: 96 KiB. A multiple of all heights of a block.
constexpr int64_t kMostRows = 96;
// b narrower than this does not pay for packing a: each number of a is read once or twice.
constexpr int64_t kColumnsWorthPacking = 64;

template <typename V>
constexpr int64_t kLanesOf = sizeof(V) / sizeof(float);

template <typename V>
CROSSLAW_INLINE V load_as(const float* from) {
  V vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

template <typename V>
CROSSLAW_INLINE void store_as(float* to, V vector) {
  std::memcpy(to, &vector, sizeof vector);
}

// b's block, padded with zeros to whole panels of `width` columns, inner index outermost in each.
CROSSLAW_INLINE void pack_panels(const MatrixProduct& p, int64_t width, float* panels) {
  for (int64_t first = 0; first < p.columns; first += width, panels += p.inner * width) {
    const int64_t columns = std::min(width, p.columns - first);
    const float* from = p.b + first * p.b_column_step;
    if (p.b_column_step == 1 && columns == width) {
      for (int64_t k = 0; k < p.inner; ++k) {
        for (int64_t c = 0; c < width; ++c) panels[k * width + c] = from[k * p.b_inner_step + c];
      }
      continue;
    }
    // Column by column, for b may come transposed: then each column lies in one piece.
    for (int64_t c = 0; c < width; ++c) {
      for (int64_t k = 0; k < p.inner; ++k) {
        panels[k * width + c] = c < columns ? from[k * p.b_inner_step + c * p.b_column_step] : 0.0f;
      }
    }
  }
}

// a's rows in groups of `height`, inner index outermost in each: what a block of registers reads
// one after the other.
CROSSLAW_INLINE void pack_rows(const MatrixProduct& p, int64_t height, float* packed) {
  for (int64_t first = 0; first < p.rows; first += height, packed += p.inner * height) {
    const int64_t rows = std::min(height, p.rows - first);
    for (int64_t k = 0; k < p.inner; ++k) {
      const float* from = p.a + first * p.a_row_step + k * p.a_inner_step;
      for (int64_t r = 0; r < rows; ++r) packed[k * height + r] = from[r * p.a_row_step];
    }
  }
}

// rows x (vectors * lanes) numbers of c. The sizes are template arguments, so that `sum` becomes
// registers and the loops over it vanish.
template <typename V, int64_t rows, int64_t vectors>
CROSSLAW_INLINE void block(const MatrixProduct& p, const float* panel, float* c, int64_t columns,
                           const float* a) {
  constexpr int64_t lanes = kLanesOf<V>, width = vectors * lanes;
  V sum[rows][vectors];
  for (auto& line : sum) {
    for (V& vector : line) vector = V{};
  }
  for (int64_t k = 0; k < p.inner; ++k) {
    V b[vectors];
    for (int64_t v = 0; v < vectors; ++v) b[v] = load_as<V>(panel + k * 2 * lanes + v * lanes);
    for (int64_t r = 0; r < rows; ++r) {
      // One number of a serves the whole row of the block.
      float value = a[r * p.a_row_step + k * p.a_inner_step];
      for (int64_t v = 0; v < vectors; ++v) sum[r][v] += value * b[v];
    }
  }
  for (int64_t r = 0; r < rows; ++r, c += p.c_row_step) {
    if (columns >= width) {
      for (int64_t v = 0; v < vectors; ++v) {
        float* to = c + v * lanes;
        store_as<V>(to, p.accumulate ? load_as<V>(to) + sum[r][v] : sum[r][v]);
      }
      continue;
    }
    // The last panel may be narrower than its vectors; their surplus must not reach c.
    float line[width];
    for (int64_t v = 0; v < vectors; ++v) store_as<V>(line + v * lanes, sum[r][v]);
    for (int64_t i = 0; i < columns; ++i) c[i] = p.accumulate ? c[i] + line[i] : line[i];
  }
}

// All rows against one panel. What is left of the rows goes in blocks of 4, 2 and 1, not row by
// row: each block pays for one pass over the panel.
template <typename V, int64_t rows, int64_t vectors>
CROSSLAW_INLINE void panel_product(const MatrixProduct& p, const float* panel, int64_t first,
                                   int64_t columns, int64_t group_step) {
  float* c = p.c + first;
  int64_t row = 0;
  auto a = [&](int64_t r) { return p.a + r / rows * group_step + r % rows * p.a_row_step; };
  auto to = [&](int64_t r) { return c + r * p.c_row_step; };
  for (; row + rows <= p.rows; row += rows)
    block<V, rows, vectors>(p, panel, to(row), columns, a(row));
  for (; row + 4 <= p.rows; row += 4) block<V, 4, vectors>(p, panel, to(row), columns, a(row));
  if (row + 2 <= p.rows) block<V, 2, vectors>(p, panel, to(row), columns, a(row)), row += 2;
  if (row < p.rows) block<V, 1, vectors>(p, panel, to(row), columns, a(row));
}

// The block's columns panel by panel; a's groups of `height` rows lie group_step apart.
template <typename V, int64_t height>
CROSSLAW_INLINE void block_product(const MatrixProduct& p, const float* panels, bool packed) {
  constexpr int64_t lanes = kLanesOf<V>, width = 2 * lanes;
  for (int64_t first = 0; first < p.columns; first += width, panels += p.inner * width) {
    const int64_t columns = std::min(width, p.columns - first);
    if (columns > lanes || packed) {
      const int64_t step = packed ? p.inner * height : height * p.a_row_step;
      panel_product<V, height, 2>(p, panels, first, columns, step);
    } else {
      // Half the columns, so twice the rows keep the same registers busy.
      panel_product<V, 2 * height, 1>(p, panels, first, columns, 2 * height * p.a_row_step);
    }
  }
}

struct Workspace {
  std::vector<float> panels, rows;
};

// `height` rows x 2 vectors of c are held in registers.
template <typename V, int64_t height>
CROSSLAW_INLINE void whole_product(const MatrixProduct& p, Workspace& workspace) {
  constexpr int64_t width = 2 * kLanesOf<V>;
  // Even parts: 300 as 150 and 150, not as 256 and 44.
  const int64_t inner_parts = std::max<int64_t>(1, (p.inner + kMostInner - 1) / kMostInner);
  for (int64_t column = 0; column < p.columns; column += kMostColumns) {
    for (int64_t part = 0; part < inner_parts; ++part) {
      const int64_t inner = p.inner * part / inner_parts;
      MatrixProduct b = p;
      b.columns = std::min(kMostColumns, p.columns - column);
      b.inner = p.inner * (part + 1) / inner_parts - inner;
      b.a += inner * p.a_inner_step;
      b.b += inner * p.b_inner_step + column * p.b_column_step;
      b.c += column;
      b.accumulate = p.accumulate || part > 0;
      workspace.panels.resize(
          static_cast<size_t>((b.columns + width - 1) / width * width * b.inner));
      pack_panels(b, width, workspace.panels.data());
      const bool pack = p.a_inner_step != 1 && b.columns >= kColumnsWorthPacking;
      if (!pack) {
        block_product<V, height>(b, workspace.panels.data(), false);
        continue;
      }
      workspace.rows.resize(static_cast<size_t>(kMostRows * b.inner));
      for (int64_t row = 0; row < p.rows; row += kMostRows) {
        MatrixProduct a = b;
        a.rows = std::min(kMostRows, p.rows - row);
        a.a += row * p.a_row_step;
        a.c += row * p.c_row_step;
        pack_rows(a, height, workspace.rows.data());
        a.a = workspace.rows.data(), a.a_row_step = 1, a.a_inner_step = height;
        block_product<V, height>(a, workspace.panels.data(), true);
      }
    }
  }
}

// 6 x 2 vectors are 12 of AVX2's 16 registers; the other 4 hold a row of the panel and a number of
// a.
CROSSLAW_SIMD void product_in_vectors(const MatrixProduct& p, Workspace& workspace) {
  whole_product<Vector, 6>(p, workspace);
}

#if defined(__x86_64__)
// 12 x 2 of 32 registers twice as wide: reading a costs half as much a number of c.
__attribute__((target("arch=x86-64-v4"))) void product_in_wide_vectors(const MatrixProduct& p,
                                                                       Workspace& workspace) {
  whole_product<WideVector, 12>(p, workspace);
}
#endif

void product_part(const MatrixProduct& p) {
  thread_local Workspace workspace;  // kept between calls: a step makes thousands of them
#if defined(__x86_64__)
  // What arch=x86-64-v4 stands for beyond v3; older compilers do not know the level by name.
  static const bool wide = __builtin_cpu_supports("avx512f") &&
                           __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512cd") &&
                           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (wide) return product_in_wide_vectors(p, workspace);
#endif
  product_in_vectors(p, workspace);
}

}  // namespace

void matrix_product(const MatrixProduct& p) {
  // In parts of c, along its longer side: each number of c is summed in the same order whatever
  // the parts are. 24 rows and 32 columns are whole blocks of registers everywhere.
  const bool by_rows = p.rows * 32 >= p.columns * 24;
  const int64_t unit = by_rows ? 24 : 32, length = by_rows ? p.rows : p.columns;
  // A multiplication costs about an eighth of what moving a number does.
  const int64_t numbers = unit * (by_rows ? p.columns : p.rows) * (p.inner + 8) / 8;
  in_parallel((length + unit - 1) / unit, numbers, [&](int64_t first, int64_t end) {
    const int64_t from = first * unit, count = std::min(length, end * unit) - from;
    MatrixProduct part = p;
    if (by_rows) {
      part.rows = count;
      part.a += from * p.a_row_step, part.c += from * p.c_row_step;
    } else {
      part.columns = count;
      part.b += from * p.b_column_step, part.c += from;
    }
    product_part(part);
  });
}

}  // namespace crosslaw::trainer
