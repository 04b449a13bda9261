#pragma once

#include <algorithm>
#include <random>
#include <string>

namespace crosslaw::tests {

// What a disk, a cut transfer or a bad program makes of a file: one to `most` changes, each a byte
// written over, a bit flipped, bytes lost or bytes that stand twice. Never empty. Changes fall on
// the first `head` bytes in half of the cases, if that is given: a header is where damage counts.
inline std::string damaged(std::string bytes, std::mt19937& draw, unsigned most,
                           size_t head = std::string::npos) {
  for (unsigned n = 0; n <= draw() % most; ++n) {
    const size_t at = draw() % (draw() % 2 ? bytes.size() : std::min(bytes.size(), head));
    switch (draw() % 4) {
      case 0:
        bytes[at] = static_cast<char>(draw());
        break;
      case 1:
        bytes.erase(at, 1 + draw() % 9);
        break;
      case 2:
        bytes[at] ^= static_cast<char>(1 << draw() % 8);
        break;
      default:
        bytes.insert(at, bytes.substr(draw() % bytes.size(), 1 + draw() % 40));
    }
    if (bytes.empty()) bytes = "x";
  }
  return bytes;
}

}  // namespace crosslaw::tests
