#pragma once

#include <cstdio>
#include <cstdlib>

// A property that every input must keep: breaking it is a crash, with optimisation as without.
inline void require(bool holds, const char* broken) {
  if (holds) return;
  std::fprintf(stderr, "property broken: %s\n", broken);
  std::abort();
}
