//! House rules that cargo cannot enforce inside one package.
