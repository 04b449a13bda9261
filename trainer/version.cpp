#include "trainer/version.h"

#include "crosslaw_build.h"

namespace crosslaw::trainer {

const char* build_text() { return CROSSLAW_BUILD; }

}  // namespace crosslaw::trainer
