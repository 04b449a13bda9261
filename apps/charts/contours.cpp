#include "apps/charts/contours.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>

namespace crosslaw::charts {
namespace {

// A side of a cell, named once for both cells that share it: 2 * (index of its lower left corner),
// plus 1 when it runs upwards.
using Side = std::size_t;

class March {
 public:
  March(const Grid& grid, double level) : grid_(grid), level_(level), width_(grid.x.size()) {}

  std::vector<std::vector<Spot>> lines() {
    for (std::size_t j = 0; j + 1 < grid_.y.size(); ++j) {
      for (std::size_t i = 0; i + 1 < width_; ++i) visit_cell(j * width_ + i);
    }
    std::vector<std::vector<Spot>> out;
    // Open lines first, from one of their ends; what is left is closed.
    for (const auto& [side, next] : next_) {
      if (next.size() == 1 && !used_[side]) out.push_back(walk(side));
    }
    for (const auto& [side, next] : next_) {
      if (!used_[side]) out.push_back(walk(side));
    }
    return out;
  }

 private:
  bool above(std::size_t corner) const { return grid_.z[corner] >= level_; }

  void join(Side a, Side b) {
    next_[a].push_back(b);
    next_[b].push_back(a);
  }

  void visit_cell(std::size_t corner) {
    const std::array<std::size_t, 4> corners = {corner, corner + 1, corner + 1 + width_,
                                                corner + width_};
    double sum = 0;
    for (const std::size_t each : corners) sum += grid_.z[each];
    // Where the law gives no number no contour may pass.
    if (!std::isfinite(sum)) return;
    const std::array<Side, 4> sides = {2 * corner, 2 * (corner + 1) + 1, 2 * (corner + width_),
                                       2 * corner + 1};
    std::vector<Side> crossed;
    for (std::size_t k = 0; k < 4; ++k) {
      if (above(corners[k]) != above(corners[(k + 1) % 4])) crossed.push_back(sides[k]);
    }
    if (crossed.size() == 2) join(crossed[0], crossed[1]);
    if (crossed.size() != 4) return;
    // A saddle: the lines cut off the two corners that differ from the middle.
    if ((sum / 4 >= level_) == above(corners[0])) {
      join(sides[0], sides[1]);
      join(sides[2], sides[3]);
    } else {
      join(sides[3], sides[0]);
      join(sides[1], sides[2]);
    }
  }

  Spot place(Side side) const {
    const std::size_t from = side / 2;
    const std::size_t to = side % 2 == 0 ? from + 1 : from + width_;
    const double share = (level_ - grid_.z[from]) / (grid_.z[to] - grid_.z[from]);
    const auto between = [share](double a, double b) { return a + share * (b - a); };
    return {between(grid_.x[from % width_], grid_.x[to % width_]),
            between(grid_.y[from / width_], grid_.y[to / width_])};
  }

  std::vector<Spot> walk(Side first) {
    std::vector<Spot> line = {place(first)};
    used_[first] = true;
    Side at = first;
    for (bool going = true; going;) {
      going = false;
      for (const Side next : next_[at]) {
        if (used_[next]) continue;
        used_[next] = going = true;
        line.push_back(place(next));
        at = next;
        break;
      }
    }
    const std::vector<Side>& neighbours = next_[first];
    // The last side touches the first again: without its first spot a ring would stay open.
    const bool closed = at != first && neighbours.size() == 2 && line.size() > 2 &&
                        std::find(neighbours.begin(), neighbours.end(), at) != neighbours.end();
    if (closed) line.push_back(line.front());
    return line;
  }

  const Grid& grid_;
  double level_;
  std::size_t width_;
  std::map<Side, std::vector<Side>> next_;
  std::map<Side, bool> used_;
};

}  // namespace

std::vector<std::vector<Spot>> contour_lines(const Grid& grid, double level) {
  return March(grid, level).lines();
}

}  // namespace crosslaw::charts
