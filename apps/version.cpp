#include "apps/version.h"

#include "crosslaw_build.h"

namespace crosslaw::apps {

const char* own_build() { return CROSSLAW_BUILD; }

}  // namespace crosslaw::apps
