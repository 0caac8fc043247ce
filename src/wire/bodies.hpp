#pragma once

// What each frame holds, once for both directions: `walk(io, body)` with a Writer or a Reader. README.md says
// the same in tables.
#include "wire/member_bodies.hpp"
#include "wire/stream_bodies.hpp"
#include "wire/work_bodies.hpp"
