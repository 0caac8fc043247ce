#pragma once

/// All of evmesh's public API.

#include <evmesh/bus.hpp>
#include <evmesh/codec.hpp>
#include <evmesh/dead_letters.hpp>
#include <evmesh/event.hpp>
#include <evmesh/ids.hpp>
#include <evmesh/key.hpp>
#include <evmesh/listener.hpp>
#include <evmesh/log.hpp>
#include <evmesh/mailbox.hpp>
#include <evmesh/mesh_work.hpp>
#include <evmesh/node.hpp>
#include <evmesh/registration.hpp>
#include <evmesh/result.hpp>
#include <evmesh/version.hpp>
