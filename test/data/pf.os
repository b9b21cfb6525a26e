# A few fingerprints in the form of pf.os, for tests: systems that nobody has, with windows and lengths of every kind.
# wwww:ttt:D:ss:OOO...:OS:Version:Subtype:Details

1000:64:0:44:M*:@Alpha:1:a:Alpha 1
1000:128:0:44:M*:	Beta:2:b:Beta 2
S4:64:1:60:M*,S,T,N,W7:*Gamma:3:c:Gamma
T2:64:0:44:M*:Delta:4:d:Delta
%8:64:0:40:.:Epsilon:5:e:Epsilon
